/** A table that the builder wrote, made sortable: a click on a column sorts by it, a second turns the order.
 * The column is in the address as `sort`, with a minus if the largest come first. */
export function makeSortable(table: HTMLTableElement): void {
  const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
  const sort = (column: number, descending: boolean) => {
    for (const [number, head] of heads.entries()) head.ariaSort = number !== column ? "none" : descending ? "descending" : "ascending";
    sortRows(table, column, descending);
  };
  const asked = new URLSearchParams(location.search).get("sort") ?? "";
  const first = heads.findIndex((head) => head.dataset["id"] === asked.replace("-", ""));
  for (const [column, head] of heads.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "sort";
    button.ariaLabel = `sort by ${head.textContent}`;
    button.addEventListener("click", () => {
      // Scores are best looked at from the top, heads from the first.
      const descending = head.ariaSort === "none" ? column > 0 : head.ariaSort === "ascending";
      sort(column, descending);
      tell(`${descending ? "-" : ""}${head.dataset["id"]}`);
    });
    head.append(button);
  }
  if (first < 0) heads.forEach((head, column) => (head.ariaSort = column === 0 ? "ascending" : "none"));
  else sort(first, asked.startsWith("-"));
}

function sortRows(table: HTMLTableElement, column: number, descending: boolean): void {
  const body = table.tBodies[0];
  const value = (row: HTMLTableRowElement) => Number(row.cells[column]?.dataset["value"]);
  const rows = [...(body?.rows ?? [])].sort((a, b) => (descending ? value(b) - value(a) : value(a) - value(b)));
  body?.append(...rows);
}

function tell(sort: string): void {
  const query = new URLSearchParams(location.search);
  query.set("sort", sort);
  history.replaceState(null, "", `?${query}`);
}
