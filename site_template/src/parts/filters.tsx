import { count } from "../draw/format.ts";
import { type Choice, type Statistic, isFiltered, UNFILTERED, withEnd } from "../state/list.ts";
import { ColumnMenu } from "./column-menu.tsx";

interface Props {
  choice: Choice;
  labelled: boolean;
  /** Rows that pass; null until that is known. */
  shown: number | null;
  all: number;
  /** Labels read so far; those of the others can't be found yet. */
  labelsRead: number;
  onChange: (changes: Partial<Choice>) => void;
  onToggle: (id: Statistic) => void;
}

/** What the list leaves out, beside the ranges of its statistics. Each field is part of the URL. */
export function Filters({ choice, labelled, shown, all, labelsRead, onChange, onToggle }: Props) {
  const bound = (end: "low" | "high", label: string) => (
    <input
      type="number"
      min="0"
      value={choice.index[end] ?? ""}
      aria-label={label}
      onChange={(event) => onChange({ index: withEnd(choice.index, end, event.currentTarget.value) })}
    />
  );
  const text = (field: "token" | "label", id: string, placeholder: string) => (
    <input
      id={id}
      type="text"
      value={choice[field]}
      placeholder={placeholder}
      spellcheck={false}
      autocomplete="off"
      onInput={(event) => onChange({ [field]: event.currentTarget.value })}
    />
  );
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        top token contains
        {text("token", "filter-token", "f")}
      </label>
      {labelled && (
        <label>
          label contains
          {text("label", "filter-label", "")}
        </label>
      )}
      <fieldset>
        <legend>index</legend>
        {bound("low", "first index")}–{bound("high", "last index")}
      </fieldset>
      <label>
        <input type="checkbox" checked={choice.dead} onChange={(event) => onChange({ dead: event.currentTarget.checked })} />
        dead too
      </label>
      <ColumnMenu {...{ choice, onToggle }} />
      <span class="outcome">
        {choice.label !== "" && labelsRead < all && (
          <progress max={all} value={labelsRead} aria-label="labels read">
            {count(labelsRead)}
          </progress>
        )}
        {isFiltered(choice) && (
          <button type="button" aria-label="clear all filters" onClick={() => onChange({ ...UNFILTERED, dead: choice.dead })}>
            clear
          </button>
        )}
        <output aria-live="polite">{shown !== null && `${count(shown)} of ${count(all)}`}</output>
      </span>
    </form>
  );
}
