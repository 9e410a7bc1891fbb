import { COLUMNS, type Choice, type SortKey } from "../state/list.ts";

interface Props {
  choice: Choice;
  onSort: (key: SortKey) => void;
}

/** Column heads: a click sorts, a second click turns the order. */
export function ListHead({ choice, onSort }: Props) {
  const sortable = (id: SortKey, name: string) => {
    const order = choice.sort !== id ? "none" : choice.descending ? "descending" : "ascending";
    return (
      <span key={id} class={`c-${id}`} role="columnheader" aria-sort={order}>
        <button type="button" onClick={() => onSort(id)}>
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
      {sortable("index", "latent")}
      {plain("top token", "c-token")}
      {COLUMNS.map(({ id, name }) => sortable(id, name))}
      {plain("top example", "c-snippet")}
      {plain("middle band", "c-snippet")}
      {plain("random firing", "c-snippet")}
    </div>
  );
}
