/** A table that the builder wrote, made sortable: a click on a column sorts by it, a second turns the order. */
export function makeSortable(table: HTMLTableElement): void {
  const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
  for (const [column, head] of heads.entries()) {
    head.ariaSort = column === 0 ? "ascending" : "none";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "sort";
    button.ariaLabel = `sort by ${head.textContent}`;
    button.addEventListener("click", () => {
      // Scores are best looked at from the top, heads from the first.
      const descending = head.ariaSort === "none" ? column > 0 : head.ariaSort === "ascending";
      for (const other of heads) other.ariaSort = "none";
      head.ariaSort = descending ? "descending" : "ascending";
      sortRows(table, column, descending);
    });
    head.append(button);
  }
}

function sortRows(table: HTMLTableElement, column: number, descending: boolean): void {
  const body = table.tBodies[0];
  const value = (row: HTMLTableRowElement) => Number(row.cells[column]?.dataset["value"]);
  const rows = [...(body?.rows ?? [])].sort((a, b) => (descending ? value(b) - value(a) : value(a) - value(b)));
  body?.append(...rows);
}
