import { count, number, percent } from "../draw/format.ts";
import type { Column } from "../state/list.ts";

const BARS = 32;
const WIDTH = 160;
const HEIGHT = 36;

interface Props {
  column: Column;
  values: Float32Array | Uint32Array;
  /** Firings of each latent: dead ones are left out. */
  alive: Float32Array | Uint32Array;
  onSort: () => void;
}

/** How a statistic is spread over the living latents; a click sorts by it. */
export function Spread({ column, values, alive, onSort }: Props) {
  const log = column.spread === "log";
  const kept = Array.from(values).filter((value, i) => (alive[i] ?? 0) > 0 && (!log || value > 0));
  if (kept.length === 0) return null;
  const scaled = log ? kept.map(Math.log) : kept;
  const low = scaled.reduce((a, b) => Math.min(a, b));
  const high = scaled.reduce((a, b) => Math.max(a, b));
  const bars = new Array<number>(BARS).fill(0);
  for (const value of scaled) {
    const bar = high > low ? Math.min(BARS - 1, Math.floor(((value - low) / (high - low)) * BARS)) : 0;
    bars[bar] = (bars[bar] ?? 0) + 1;
  }
  const tallest = Math.max(...bars);
  const show = (value: number) => (column.share ? percent : number)(log ? Math.exp(value) : value);
  const label = `${column.name} of ${count(kept.length)} living latents, ${show(low)} to ${show(high)}`;
  return (
    <button type="button" class="spread" onClick={onSort} title={`${label}; sort by it`} aria-label={`${label}; sort by it`}>
      <span class="name">{column.name}</span>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" preserveAspectRatio="none">
        {bars.map((n, i) => {
          const height = (n / tallest) * HEIGHT;
          return <rect key={i} class="bar" x={(i * WIDTH) / BARS} y={HEIGHT - height} width={WIDTH / BARS - 1} height={height} />;
        })}
      </svg>
      <span class="ends">
        <span>{show(low)}</span>
        <span>{log ? "log" : ""}</span>
        <span>{show(high)}</span>
      </span>
    </button>
  );
}
