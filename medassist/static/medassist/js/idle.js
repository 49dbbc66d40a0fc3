// A page that nobody uses signs out. The server's clock decides: another tab's work counts, this page's polling does not.
export function watchIdle(dialog) {
  if (!dialog) return;
  const { limit, warn, stay, left, login } = dialog.dataset;
  const step = Math.min(60, Number(limit) / 20) * 1000;
  const count = dialog.querySelector("[data-count]");
  const main = document.getElementById("main");
  let endsAt = Date.now() + Number(limit) * 1000;
  let told = Date.now();
  let asking = false;

  const token = () => JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
  const leave = () => {
    const next = encodeURIComponent(window.location.pathname + window.location.search);
    window.location.replace(`${login}?idle=1&next=${next}`);
  };
  const heard = (seconds) => {
    endsAt = Date.now() + seconds * 1000;
    if (seconds <= 0) { leave(); return; }
    main.hidden = false;
    if (seconds > Number(warn) && dialog.open) dialog.close();
  };
  const ask = async (address, options) => {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(address, { ...options, headers: { ...options.headers, Accept: "application/json" } });
      // A refusal is an end as well: the session that the page was drawn for is gone.
      heard(answer.ok ? (await answer.json()).left : 0);
    } catch {
      // No network: the page cannot know, so nothing stays readable beyond the time.
      if (Date.now() >= endsAt) main.hidden = true;
    } finally {
      asking = false;
    }
  };
  const look = () => ask(left, { headers: { "X-Background": "1" } });
  const here = () => {
    told = Date.now();
    return ask(stay, { method: "POST", headers: { "X-CSRFToken": token() } });
  };
  const tick = () => {
    const seconds = Math.ceil((endsAt - Date.now()) / 1000);
    count.textContent = String(Math.max(0, seconds));
    if (seconds <= 0) { main.hidden = true; look(); return; }
    if (seconds <= Number(warn) && !dialog.open) {
      look().then(() => {
        if (endsAt - Date.now() <= Number(warn) * 1000 && !dialog.open) dialog.showModal();
      });
    }
  };

  for (const kind of ["keydown", "pointerdown"]) {
    // Writing a long text asks the server nothing; it is being there all the same.
    document.addEventListener(kind, () => { if (!dialog.open && Date.now() - told >= step) here(); }, { passive: true });
  }
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); here(); });
  dialog.querySelector("[data-stay-here]").addEventListener("click", here);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
  window.setInterval(tick, 1000);
}
