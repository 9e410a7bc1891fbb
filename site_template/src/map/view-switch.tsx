import { count } from "../draw/format.ts";
import type { Changes } from "../state/url.ts";

interface Props {
  /** Whether the map is shown. */
  map: boolean;
  /** How many latents the list shows of those that the lasso holds; null without a lasso. */
  selected: number | null;
  change: (changes: Changes) => void;
}

/** The same latents as a list or as a map; and what the lasso holds. */
export function ViewSwitch({ map, selected, change }: Props) {
  return (
    <div class="view-switch">
      <div class="choices" role="group" aria-label="view">
        <button type="button" aria-pressed={!map} onClick={() => change({ view: null })}>
          list
        </button>
        <button type="button" aria-pressed={map} onClick={() => change({ view: "map" })}>
          map
        </button>
      </div>
      {selected !== null && (
        <p class="selected" role="status">
          <span>{count(selected)} selected on the map</span>
          <button type="button" onClick={() => change({ lasso: null })}>
            clear selection
          </button>
        </p>
      )}
    </div>
  );
}
