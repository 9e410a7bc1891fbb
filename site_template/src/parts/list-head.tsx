import type { Choice, Column, SortKey } from "../state/list.ts";
import { DOCS } from "../store/schema.gen.ts";
import { statClass } from "./list-row.tsx";

interface Props {
  choice: Choice;
  columns: readonly Column[];
  onSort: (key: SortKey) => void;
}

/** Column heads: a click sorts, a second click turns the order. */
export function ListHead({ choice, columns, onSort }: Props) {
  const sortable = (id: SortKey, name: string, className: string, says: string) => {
    const order = choice.sort !== id ? "none" : choice.descending ? "descending" : "ascending";
    return (
      <span key={id} class={className} role="columnheader" aria-sort={order}>
        <button type="button" title={says} onClick={() => onSort(id)}>
          {name}
        </button>
      </span>
    );
  };
  const plain = (name: string, className: string) => (
    <span class={className} role="columnheader">
      {name}
    </span>
  );
  return (
    <div class="list-head" role="row">
      {sortable("index", "latent", "c-index", "index in the dictionary")}
      {plain("top token", "c-token")}
      {columns.map(({ id, name, short }) => sortable(id, short ?? name, statClass(id, choice, columns), DOCS[id]))}
      {plain("top example", "c-snippet")}
      {plain("middle band", "c-snippet")}
      {plain("random firing", "c-snippet")}
    </div>
  );
}
