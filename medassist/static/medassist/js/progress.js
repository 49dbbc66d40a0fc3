// Live steps: server-sent events when they are there, otherwise htmx asks the server every two seconds.
const POLL_MS = 2000;
const SAFETY_MS = 15000;

export function followProgress(root, announce) {
  let live = false;
  let source = null;
  let timer = 0;
  const seen = new Map();

  const ask = () => window.htmx.trigger(root, "poll");
  const again = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(tick, live ? SAFETY_MS : POLL_MS);
  };
  const stop = () => {
    window.clearTimeout(timer);
    if (source) source.close();
  };
  function tick() {
    if (!root.isConnected) { stop(); return; }
    if (!document.hidden) ask();
    again();
  }

  const draw = ({ step, state, ms }) => {
    const item = root.querySelector(`[data-step="${CSS.escape(step)}"]`);
    if (!item) return;
    setState(item, state);
    if (state === "finished" && Number.isFinite(ms)) item.querySelector(".ms").textContent = seconds(ms);
  };
  const mark = (event) => {
    if (!event.step) return;
    seen.set(event.step, event);
    draw(event);
    const item = root.querySelector(`[data-step="${CSS.escape(event.step)}"]`);
    if (item && event.state === "started") announce(item.querySelector(".label").textContent);
  };
  // The ledger may know less than the events have told; a poll must not turn the steps back.
  root.addEventListener("htmx:afterSwap", () => { if (live) seen.forEach(draw); });

  if (root.dataset.events && "EventSource" in window) {
    source = new EventSource(root.dataset.events);
    source.addEventListener("open", () => { live = true; again(); });
    source.addEventListener("error", () => {
      live = false;
      again();
    });
    source.addEventListener("step", (event) => mark(read(event)));
    source.addEventListener("state", (event) => { if (read(event).state !== "running") ask(); });
    source.addEventListener("end", () => { stop(); source = null; live = false; ask(); again(); });
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden && root.isConnected) ask(); });
  again();
}

function setState(item, state) {
  item.dataset.state = state;
  const said = item.querySelector(".said");
  if (said) said.textContent = state === "finished" ? item.dataset.finished : item.dataset.started;
}

function read(event) {
  try { return JSON.parse(event.data); } catch { return {}; }
}

function seconds(ms) {
  return `${(ms / 1000).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 })} s`;
}
