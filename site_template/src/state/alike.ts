/** Examples that say the same twice: a pure function on what is stored of a latent. */
import type { Latent } from "../store/dictionary.ts";
import { EXCERPT } from "../store/schema.gen.ts";

/** Two examples are alike if so many tokens before and after their peaks are the same, or all there are. */
const BEFORE = 8;
const AFTER = 4;

/** An example, and those after it in its list that are alike. */
export interface Folded {
  row: number;
  alike: number[];
}

/** The examples in their order, each with those that repeat it folded behind it. */
export function foldAlike(latent: Latent, rows: readonly number[]): Folded[] {
  const found = new Map<string, Folded>();
  for (const row of rows) {
    const text = aroundPeak(latent, row).join();
    const same = found.get(text);
    if (same) same.alike.push(row);
    else found.set(text, { row, alike: [] });
  }
  return [...found.values()];
}

function aroundPeak(latent: Latent, row: number): ArrayLike<number> & { join(): string } {
  const peak = latent.ints.example_peak[row] ?? 0;
  const length = latent.ints.example_length[row] ?? 0;
  const at = row * EXCERPT;
  return latent.tokens.subarray(at + Math.max(0, peak - BEFORE), at + Math.min(length, peak + AFTER + 1));
}
