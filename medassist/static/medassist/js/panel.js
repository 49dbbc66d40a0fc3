// The side panel with a guideline passage. Focus goes in when it opens and back to the chip when it closes.
export function passagePanel(panel) {
  if (!panel) return;
  const body = panel.querySelector("[data-panel-body]");
  let opener = null;

  const close = () => {
    panel.close();
    opener?.setAttribute("aria-expanded", "false");
    opener?.focus();
    opener = null;
  };

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target !== body) return;
    opener?.setAttribute("aria-expanded", "false");
    opener = event.detail.elt;
    opener.setAttribute("aria-expanded", "true");
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== body) return;
    if (!panel.open) panel.show();
    body.querySelector("h2")?.focus();
    body.querySelector("mark")?.scrollIntoView({ block: "center" });
  });
  panel.querySelector("[data-close]").addEventListener("click", close);
  panel.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
}
