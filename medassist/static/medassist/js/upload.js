// Sends the form by XMLHttpRequest to show how much has gone; files may be dropped on it. Without it the form just works.
export function upload(form) {
  const input = form.querySelector('input[type="file"]');
  const bar = form.querySelector("progress");
  ["dragover", "dragenter"].forEach((name) => form.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.add("over");
  }));
  ["dragleave", "drop"].forEach((name) => form.addEventListener(name, () => form.classList.remove("over")));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer?.files.length) input.files = event.dataTransfer.files;
  });
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    const request = new XMLHttpRequest();
    bar.hidden = false;
    request.upload.addEventListener("progress", (sent) => {
      if (sent.lengthComputable) bar.value = (100 * sent.loaded) / sent.total;
    });
    // The answer is a page: a redirect was followed already, an error page is shown as it came.
    request.addEventListener("load", () => {
      if (request.status < 400) { window.location.assign(request.responseURL); return; }
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      document.getElementById("main").replaceChildren(...page.getElementById("main").childNodes);
      document.querySelector("[data-error-summary]")?.focus();
      document.querySelectorAll("[data-upload]").forEach(upload);
    });
    request.addEventListener("error", () => { delete form.dataset.sent; bar.hidden = true; document.getElementById("toast").hidden = false; });
    request.open("POST", form.action);
    request.send(new FormData(form));
  });
}

// A document's page while it is read: events tell each page, otherwise the server is asked every two seconds.
const POLL_MS = 2000;
export function followPages(root) {
  const ask = () => window.htmx.trigger(root, "poll");
  const timer = window.setInterval(() => {
    if (!root.isConnected) { window.clearInterval(timer); return; }
    if (!document.hidden) ask();
  }, POLL_MS);
  if (!root.dataset.events || !("EventSource" in window)) return;
  const source = new EventSource(root.dataset.events);
  source.addEventListener("progress", (event) => {
    const { done, total } = JSON.parse(event.data);
    const bar = root.querySelector("progress");
    if (bar && total) { bar.max = total; bar.value = done; }
  });
  source.addEventListener("state", ask);
  source.addEventListener("end", () => { source.close(); ask(); });
}
