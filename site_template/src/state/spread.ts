/** How a statistic is spread over the living latents, and over those that pass. */
import type { Values } from "./columns.ts";
import type { Column, Statistic } from "./list.ts";
import type { Range } from "./ranges.ts";
import type { Failings } from "./rows.ts";

export const BARS = 50;
const NO_BAR = 255;

/** From the lowest to the highest living latent; equal steps of the logarithm if `log`. */
export interface Axis {
  log: boolean;
  low: number;
  high: number;
}

export interface Spread extends Axis {
  counts: ArrayLike<number>;
}

export type Spreads = Partial<Record<Statistic, Spread>>;

/** What the builder counted, so that shapes stand before a column is read; nothing for another atlas. */
export function readSpreads(): Spreads {
  return JSON.parse(document.getElementById("spreads")?.textContent ?? "{}") as Spreads;
}

/** The same from a column. */
export function spreadOf({ linear = false }: Column, values: Values, density: Values): Spread {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (density[i] === 0 || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const axis = low > high ? { log: false, low: 0, high: 0 } : { log: low > 0 && !linear, low, high };
  return { ...axis, counts: countsOf(barsOf(axis, values, density), new Uint16Array(values.length), 0) };
}

/** The bar of each latent; NO_BAR for the dead and for what is no number. */
export function barsOf(axis: Axis, values: Values, density: Values): Uint8Array {
  const bars = new Uint8Array(values.length).fill(NO_BAR);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (density[i] !== 0 && Number.isFinite(value)) bars[i] = Math.min(BARS - 1, Math.max(0, Math.floor(placeOf(axis, value) * BARS)));
  }
  return bars;
}

/** Latents a bar that fail no filter but `bit`. */
export function countsOf(bars: Uint8Array, failings: Failings, bit: number): Uint32Array {
  const counts = new Uint32Array(NO_BAR + 1);
  for (let i = 0; i < bars.length; i++) if ((failings[i]! & ~bit) === 0) counts[bars[i]!]!++;
  return counts.subarray(0, BARS);
}

/** Where on the axis a value lies, 0 to 1. */
export function placeOf({ log, low, high }: Axis, value: number): number {
  if (low === high) return 0;
  const scale = log ? Math.log : (x: number) => x;
  return (scale(value) - scale(low)) / (scale(high) - scale(low));
}

/** The range between two places; an end of the axis is no bound. */
export function rangeBetween(axis: Axis, from: number, to: number): Range {
  return { low: from <= 0 ? null : valueAt(axis, from), high: to >= 1 ? null : valueAt(axis, to) };
}

/** Where a range begins and ends, 0 to 1. */
export function placesOf(axis: Axis, { low, high }: Range): [number, number] {
  const inside = (value: number) => Math.min(1, Math.max(0, axis.log && value <= 0 ? 0 : placeOf(axis, value)));
  return [low === null ? 0 : inside(low), high === null ? 1 : inside(high)];
}

/** The value at a place, with no more digits than tell it from a tenth of a bar away. */
function valueAt(axis: Axis, place: number): number {
  const exact = (at: number) => (axis.log ? axis.low * (axis.high / axis.low) ** at : axis.low + at * (axis.high - axis.low));
  const value = exact(place);
  const step = Math.abs(exact(place + 1 / BARS) - value);
  const digits = 2 + Math.ceil(Math.log10(Math.abs(value) / step));
  return Number(value.toPrecision(Math.min(17, Math.max(1, digits))));
}
