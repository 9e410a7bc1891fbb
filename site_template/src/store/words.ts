/** Words as they are searched: the same rules as feature_atlas/words.py. */
import { WORD_LENGTH } from "./schema.gen.ts";

/** Lower case, without compatibility forms (NFKD) and without marks: Zürich is zurich. */
export function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase();
}

/** Runs of letters and digits of the folded text, in order, each cut at WORD_LENGTH. */
export function words(text: string): string[] {
  return (fold(text).match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => [...word].slice(0, WORD_LENGTH).join(""));
}

/** How many slips of the pen are forgiven: none below 4 letters, 1 below 8, else 2. */
export function forgiven(word: string): number {
  const { length } = [...word];
  return length < 4 ? 0 : length < 8 ? 1 : 2;
}

/** Letters to insert, delete, replace, or swap with the next, to make `to` of `from`. */
export function slips(from: string, to: string): number {
  const a = [...from];
  const b = [...to];
  let before: number[] = [];
  let last = [...b.keys(), b.length];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, replaced);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j] as number, (before[j - 2] as number) + 1);
    }
    before = last;
    last = row;
  }
  return last[b.length] as number;
}
