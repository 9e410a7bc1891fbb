import { count } from "../draw/format.ts";
import type { Choice } from "../state/list.ts";

interface Props {
  choice: Choice;
  labelled: boolean;
  shown: number;
  all: number;
  onChange: (changes: Partial<Choice>) => void;
}

/** What the list leaves out. Each field is part of the URL. */
export function Filters({ choice, labelled, shown, all, onChange }: Props) {
  const bound = (field: "first" | "last" | "from" | "to", label: string) => (
    <input
      type="number"
      min="0"
      step={field === "first" || field === "last" ? "1" : "any"}
      value={choice[field] ?? ""}
      aria-label={label}
      onChange={(event) => onChange({ [field]: numberOf(event.currentTarget.value) })}
    />
  );
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        top token contains
        <input
          id="filter-token"
          type="text"
          value={choice.token}
          placeholder="f"
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => onChange({ token: event.currentTarget.value })}
        />
      </label>
      {labelled && (
        <label>
          label contains
          <input
            type="text"
            value={choice.label}
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => onChange({ label: event.currentTarget.value })}
          />
        </label>
      )}
      <fieldset>
        <legend>index</legend>
        {bound("first", "first index")}–{bound("last", "last index")}
      </fieldset>
      <fieldset>
        <legend>density, %</legend>
        {bound("from", "lowest density in percent")}–{bound("to", "highest density in percent")}
      </fieldset>
      <label>
        <input type="checkbox" checked={choice.dead} onChange={(event) => onChange({ dead: event.currentTarget.checked })} />
        dead too
      </label>
      <output aria-live="polite">
        {count(shown)} of {count(all)}
      </output>
    </form>
  );
}

function numberOf(text: string): number | null {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? null : value;
}
