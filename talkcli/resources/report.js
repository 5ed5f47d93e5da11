// Sorts a table by the column whose head is clicked, and shows one metric's columns of the table of clips.
for (const head of document.querySelectorAll("th[data-sort]")) {
  head.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const body = head.closest("table").tBodies[0];
    const key = (row) => row.cells[head.cellIndex].dataset.v ?? row.cells[head.cellIndex].textContent;
    const number = head.dataset.sort === "number";
    const compare = (a, b) => (number ? key(a) - key(b) : key(a).localeCompare(key(b)));
    const known = (row) => !number || key(row) !== "";
    const rows = [...body.rows];
    const sorted = rows.filter(known).sort((a, b) => (up ? compare(a, b) : compare(b, a)));
    body.append(...sorted, ...rows.filter((row) => !known(row)));
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
  });
}
for (const choice of document.querySelectorAll("select[data-table]")) {
  choice.addEventListener("change", () => {
    for (const cell of document.querySelectorAll(`#${choice.dataset.table} [data-m]`)) {
      cell.hidden = cell.dataset.m !== choice.value;
    }
  });
}
