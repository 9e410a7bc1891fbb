/** A statistic as colour: pure functions. */
import type { Columns } from "../state/columns.ts";
import type { Stat } from "../store/schema.gen.ts";

/** Steps of the ramp; and the shades below them: left out of the list, and without a value. */
export const RAMP = 254;
export const FAINT = 0;
export const NONE = 1;
/** The ends of the scale leave out so much on either side: one outlier would make all others equal. */
const TAIL = 0.01;

export interface Shades {
  /** The statistic at the two ends of the ramp. */
  low: number;
  high: number;
  /** Of each latent FAINT, NONE, or 2 + its step of the ramp. */
  of: Uint8Array;
}

/** `listed` marks the latents to show by value; the ramp runs over the living, listed or not. */
export function shades(values: Columns[Stat], density: Columns[Stat], listed: Uint8Array, log: boolean): Shades {
  const at = (i: number) => ((density?.[i] ?? 0) > 0 && (!log || (values?.[i] ?? 0) > 0) ? (log ? Math.log(values?.[i] ?? 1) : (values?.[i] ?? 0)) : Number.NaN);
  const scaled = Float64Array.from(listed, (_, i) => (values === undefined ? Number.NaN : at(i)));
  const known = scaled.filter((value) => !Number.isNaN(value)).sort();
  const low = known[Math.floor(TAIL * known.length)] ?? 0;
  const high = known[Math.ceil((1 - TAIL) * known.length) - 1] ?? 0;
  const of = Uint8Array.from(listed, (shown, i) => {
    const value = scaled[i] ?? Number.NaN;
    if (shown === 0) return FAINT;
    if (Number.isNaN(value)) return NONE;
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return 2 + Math.round((RAMP - 1) * Math.max(0, Math.min(1, share)));
  });
  return { low: log ? Math.exp(low) : low, high: log ? Math.exp(high) : high, of };
}

/** Indexes by shade, the faintest first, so that what is drawn last lies on top. */
export function drawingOrder(of: Uint8Array): Uint32Array {
  const next = new Uint32Array(257);
  for (const shade of of) next[shade + 1] = (next[shade + 1] ?? 0) + 1;
  for (let shade = 0; shade < 256; shade++) next[shade + 1] = (next[shade + 1] ?? 0) + (next[shade] ?? 0);
  const order = new Uint32Array(of.length);
  of.forEach((shade, i) => {
    const at = next[shade] ?? 0;
    order[at] = i;
    next[shade] = at + 1;
  });
  return order;
}

/** RGBA of each of the 256 shades, from the colours `#rrggbb` of what is faint, of what has no value, and of the ramp. */
export function palette(faint: string, none: string, ramp: readonly string[]): Uint8Array {
  const stops = ramp.map(rgb);
  const colours = new Uint8Array(256 * 4).fill(255);
  colours.set(rgb(faint), 4 * FAINT);
  colours.set(rgb(none), 4 * NONE);
  for (let step = 0; step < RAMP; step++) {
    const place = (step / (RAMP - 1)) * (stops.length - 1);
    const from = stops[Math.floor(place)] ?? [0, 0, 0];
    const to = stops[Math.ceil(place)] ?? from;
    colours.set(from.map((value, i) => Math.round(value + (place % 1) * ((to[i] ?? value) - value))), 4 * (2 + step));
  }
  return colours;
}

function rgb(hex: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.trim().slice(at, at + 2), 16));
}
