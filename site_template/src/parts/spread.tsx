import { count, number, percent } from "../draw/format.ts";
import type { Column } from "../state/list.ts";

const BARS = 40;
const WIDTH = 200;
const HEIGHT = 36;

type Values = Float32Array | Uint32Array;

interface Props {
  column: Column;
  values: Values;
  /** Density of each latent: those that never fire are left out. */
  density: Values;
  sorted: boolean;
  onSort: () => void;
}

/** How a statistic is spread over the living latents; a click sorts by it. */
export function Spread({ column, values, density, sorted, onSort }: Props) {
  const log = column.spread === "log";
  const living = Array.from(values).filter((value, i) => (density[i] ?? 0) > 0 && (!log || value > 0));
  const { low, high, bars } = binned(log ? living.map(Math.log) : living);
  const tallest = Math.max(...bars, 1);
  const show = (value: number) => (living.length === 0 ? "–" : (column.share ? percent : number)(log ? Math.exp(value) : value));
  const label = `${column.name} of ${count(living.length)} living latents, ${show(low)} to ${show(high)}`;
  return (
    <button type="button" class="spread" aria-pressed={sorted} onClick={onSort} title={`${label}; sort by it`} aria-label={`${label}; sort by it`}>
      <span class="name">{column.name}</span>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" preserveAspectRatio="none">
        {bars.map((n, i) => (
          <rect key={i} class="bar" x={(i * WIDTH) / BARS} y={HEIGHT * (1 - n / tallest)} width={WIDTH / BARS - 1} height={(HEIGHT * n) / tallest} />
        ))}
      </svg>
      <span class="ends">
        <span>{show(low)}</span>
        {log && <span>log</span>}
        <span>{show(high)}</span>
      </span>
    </button>
  );
}

function binned(values: readonly number[]): { low: number; high: number; bars: number[] } {
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const bars = new Array<number>(BARS).fill(0);
  for (const value of values) {
    const bar = high > low ? Math.min(BARS - 1, Math.floor(((value - low) / (high - low)) * BARS)) : 0;
    bars[bar] = (bars[bar] ?? 0) + 1;
  }
  return { low, high, bars };
}
