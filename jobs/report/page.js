// Tables sort by a click on a column's name; without scripts they stay in the order they came in.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows];
      const cell = (row) => row.cells[column];
      const filled = rows.filter((row) => cell(row).textContent !== "");
      const empty = rows.filter((row) => cell(row).textContent === "");
      const numeric = filled.every((row) => cell(row).dataset.v !== undefined);
      const order = (a, b) =>
        numeric
          ? Number(cell(a).dataset.v) - Number(cell(b).dataset.v)
          : cell(a).textContent.localeCompare(cell(b).textContent);
      filled.sort((a, b) => (up ? order(a, b) : order(b, a)));
      table.tBodies[0].append(...filled, ...empty);
    });
  });
}
