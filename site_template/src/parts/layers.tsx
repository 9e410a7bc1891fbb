interface Props {
  layers: readonly number[];
  /** Null for all. */
  layer: number | null;
  shade: (layer: number) => number;
  onChoose: (layer: number | null) => void;
}

/** The legend of the layers' colours, and the choice of one. */
export function Layers({ layers, layer, shade, onChoose }: Props) {
  return (
    <div class="layers">
      <p class="legend quiet" aria-hidden="true">
        layer {layers[0]}
        <span class="shades">
          {layers.map((each) => (
            <span key={each} class={layer === null || each === layer ? "shade" : "shade is-out"} style={{ "--t": shade(each).toFixed(3) }} />
          ))}
        </span>
        {layers.at(-1)}
      </p>
      <label>
        <span class="quiet">layer</span>{" "}
        <select value={layer === null ? "" : String(layer)} onChange={(event) => onChoose(event.currentTarget.value === "" ? null : Number(event.currentTarget.value))}>
          <option value="">all</option>
          {layers.map((each) => (
            <option key={each} value={String(each)}>
              {each}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
