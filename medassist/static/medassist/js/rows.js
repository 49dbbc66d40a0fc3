// "Add a row" without a round trip; without this script the same button asks the server for more rows.
export function addRows(group) {
  const total = document.getElementById(`id_${group.dataset.rows}-TOTAL_FORMS`);
  const template = group.querySelector("template");
  const rows = group.querySelector(".rows");
  group.querySelector("[data-add]").addEventListener("click", (event) => {
    event.preventDefault();
    const index = Number(total.value);
    const holder = document.createElement("template");
    holder.innerHTML = template.innerHTML.replaceAll("__prefix__", String(index)).replaceAll("__number__", String(index + 1));
    rows.append(holder.content);
    total.value = String(index + 1);
    rows.lastElementChild.querySelector("input")?.focus();
  });
}
