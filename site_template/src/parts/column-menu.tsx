import { type Choice, COLUMNS, type Statistic, shownColumns } from "../state/list.ts";
import { DOCS } from "../store/schema.gen.ts";

/** Which columns the list has, each with what it means. */
export function ColumnMenu({ choice, onToggle }: { choice: Choice; onToggle: (id: Statistic) => void }) {
  const shown = new Set(shownColumns(choice).map(({ id }) => id));
  const close = (event: KeyboardEvent & { currentTarget: HTMLDetailsElement }) => {
    if (event.key !== "Escape") return;
    event.currentTarget.open = false;
    event.currentTarget.querySelector("summary")?.focus();
  };
  return (
    <details class="menu columns" onKeyDown={close}>
      <summary>columns</summary>
      <ul>
        {COLUMNS.map(({ id, name }) => (
          <li key={id}>
            <label>
              <input type="checkbox" checked={shown.has(id)} aria-describedby={`means-${id}`} onChange={() => onToggle(id)} />
              {name}
            </label>
            <span id={`means-${id}`} class="quiet">
              {DOCS[id]}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
