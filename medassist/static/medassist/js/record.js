// A record chip scrolls to the part of the record and lights up the quoted words inside it.
export function recordLinks(root) {
  root.addEventListener("click", (event) => {
    const chip = event.target.closest?.("[data-quote]");
    if (!chip) return;
    const part = document.getElementById(chip.getAttribute("href").slice(1));
    if (!part) return;
    event.preventDefault();
    const drawer = part.closest("details");
    if (drawer) drawer.open = true;
    document.querySelectorAll(".part.lit").forEach((other) => other.classList.remove("lit"));
    part.classList.add("lit");
    lightWords(part, chip.dataset.quote);
    part.setAttribute("tabindex", "-1");
    part.scrollIntoView({ block: "center", behavior: "smooth" });
    part.focus({ preventScroll: true });
  });
}

function lightWords(part, quote) {
  if (!("highlights" in CSS)) return;
  CSS.highlights.delete("record-quote");
  const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = quote ? node.data.indexOf(quote) : -1;
    if (at < 0) continue;
    const range = new Range();
    range.setStart(node, at);
    range.setEnd(node, at + quote.length);
    CSS.highlights.set("record-quote", new Highlight(range));
    return;
  }
}
