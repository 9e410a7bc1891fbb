import type { Metric } from "../state/finder.ts";

interface Props {
  axis: "x" | "y";
  metrics: readonly Metric[];
  chosen: Metric;
  log: boolean;
  /** Missing where the score can't be drawn so. */
  onLog?: ((log: boolean) => void) | undefined;
  onChoose: (id: string) => void;
}

/** Which score an axis shows, what that is, and how it is spaced. */
export function AxisChoice({ axis, metrics, chosen, log, onLog, onChoose }: Props) {
  const name = axis === "x" ? "across" : "up";
  return (
    <div class="axis-choice">
      <label>
        <span class="quiet">{name}</span>{" "}
        <select value={chosen.id} onChange={(event) => onChoose(event.currentTarget.value)}>
          {metrics.map(({ id, name: text }) => (
            <option key={id} value={id}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label>
        <input type="checkbox" checked={log} disabled={onLog === undefined} onChange={(event) => onLog?.(event.currentTarget.checked)} /> logarithmic
      </label>
      <p class="quiet">{chosen.doc}</p>
    </div>
  );
}
