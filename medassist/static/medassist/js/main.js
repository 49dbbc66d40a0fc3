// The page's behaviour, each part in its own small module. Everything works without it, less comfortably.
import { followProgress } from "./progress.js";
import { watchIdle } from "./idle.js";
import { passagePanel } from "./panel.js";
import { recordLinks } from "./record.js";
import { addRows } from "./rows.js";
import { followPages, upload } from "./upload.js";

const each = (selector, wire) => document.querySelectorAll(selector).forEach((element) => {
  if (element.dataset.wired) return;
  element.dataset.wired = "yes";
  wire(element);
});

export const announce = (text) => {
  const announcer = document.getElementById("announcer");
  if (announcer && text) announcer.textContent = text;
};

const wireAll = () => {
  each("[data-progress]", (element) => followProgress(element, announce));
  each("[data-rows]", addRows);
  each("[data-upload]", upload);
  each("[data-pages]", followPages);
};

recordLinks(document);
passagePanel(document.getElementById("panel"));
wireAll();
watchIdle(document.getElementById("idle"));

// The swapped-in region says by itself what to tell a screen reader.
document.body.addEventListener("htmx:afterSwap", (event) => {
  wireAll();
  const said = event.detail.elt.querySelector?.("[data-announce]");
  if (said) announce(said.dataset.announce);
});

const toast = document.getElementById("toast");
const complain = () => { if (toast) toast.hidden = false; };
const recover = () => { if (toast) toast.hidden = true; };
document.body.addEventListener("htmx:sendError", complain);
document.body.addEventListener("htmx:timeout", complain);
document.body.addEventListener("htmx:responseError", complain);
document.body.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.successful) recover(); });

// After an error the summary of the form takes the focus, so that the first thing read is what is wrong.
document.querySelector("[data-error-summary]")?.focus();
document.querySelector("[data-marked] mark")?.scrollIntoView({ block: "center" });

// A slow second click must not send a form twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]") || event.defaultPrevented) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
