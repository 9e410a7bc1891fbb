import { number, percent } from "../draw/format.ts";
import type { Stat } from "../store/schema.gen.ts";
import { COLOURINGS, type Colouring } from "./colouring.ts";
import type { Shades } from "./shades.ts";

interface Props {
  colouring: Colouring;
  /** Null until the statistic has come. */
  shades: Shades | null;
  drawing: boolean;
  onColour: (id: Stat) => void;
  onZoom: (factor: number) => void;
  onReset: () => void;
  onLasso: () => void;
  onSelectSight: () => void;
}

/** What can be done with the map, and what its colours stand for. */
export function Tools({ colouring, shades, drawing, onColour, onZoom, onReset, onLasso, onSelectSight }: Props) {
  const show = colouring.share ? percent : number;
  return (
    <div class="map-tools">
      <div class="group" role="group" aria-label="zoom">
        <button type="button" aria-label="zoom in" title="zoom in (+)" onClick={() => onZoom(1.6)}>
          +
        </button>
        <button type="button" aria-label="zoom out" title="zoom out (−)" onClick={() => onZoom(1 / 1.6)}>
          −
        </button>
        <button type="button" title="show all (0)" onClick={onReset}>
          all
        </button>
      </div>
      <div class="group" role="group" aria-label="select">
        <button type="button" aria-pressed={drawing} title="draw around latents to select them (l, or Shift and drag)" onClick={onLasso}>
          lasso
        </button>
        <button type="button" title="select the latents in sight (s)" onClick={onSelectSight}>
          select in sight
        </button>
      </div>
      <div class="legend">
        <label>
          colour
          <select value={colouring.id} onChange={(event) => onColour(event.currentTarget.value as Stat)}>
            {COLOURINGS.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <span class="ends" aria-label={`${colouring.name} from ${shades ? show(shades.low) : "…"} to ${shades ? show(shades.high) : "…"}`}>
          <span>{shades ? show(shades.low) : "…"}</span>
          <span class="ramp" />
          <span>{shades ? show(shades.high) : "…"}</span>
          {colouring.log && <span class="quiet">log</span>}
        </span>
      </div>
    </div>
  );
}
