/** Which latents pass: pure functions of columns, labels, choice and selection. */
import { textOf } from "../draw/glyphs.ts";
import type { Vocabulary } from "../store/atlas.ts";
import type { Columns } from "./columns.ts";
import { COLUMNS, type Choice, type Statistic } from "./list.ts";
import { isIn } from "./ranges.ts";

/** What a choice is made from. */
export interface Source {
  n: number;
  columns: Columns;
  vocabulary: Vocabulary | null;
  /** Of each latent its best label, as far as they have come. */
  labels: readonly string[];
  /** Latents chosen elsewhere; null for all. */
  selection: Uint32Array | null;
}

/** Which filters each latent fails: a bit for every statistic, and one for all else. */
export type Failings = Uint16Array;

const ELSE = 1 << COLUMNS.length;

export function bitOf(id: Statistic): number {
  return 1 << COLUMNS.findIndex((column) => column.id === id);
}

/** By index, token, label, selection and life. */
export function failElse({ n, columns, vocabulary, labels, selection }: Source, choice: Omit<Choice, "ranges">): Failings {
  const label = choice.label.toLowerCase();
  const types = choice.token === "" ? null : matching(vocabulary, choice.token);
  const failings = new Uint16Array(n).fill(selection === null ? 0 : ELSE);
  for (const i of selection ?? []) failings[i] = 0;
  for (let i = 0; i < n; i++) {
    const passes =
      isIn(choice.index, i) &&
      (choice.dead || columns.density?.[i] !== 0) &&
      (types === null || types[columns.top_token?.[i] ?? 0] === 1) &&
      (label === "" || (labels[i] ?? "").toLowerCase().includes(label));
    if (!passes) failings[i] = ELSE;
  }
  return failings;
}

/** With the ranges of statistics too. What is no number is in no range. */
export function failings(rest: Failings, columns: Columns, ranges: Choice["ranges"]): Failings {
  const all = rest.slice();
  for (const { id } of COLUMNS) {
    const range = ranges[id];
    const values = columns[id];
    if (range === undefined || values === undefined) continue;
    const low = single(range.low ?? Number.NEGATIVE_INFINITY, values);
    const high = single(range.high ?? Number.POSITIVE_INFINITY, values);
    const bit = bitOf(id);
    for (let i = 0; i < all.length; i++) if (!(values[i]! >= low && values[i]! <= high)) all[i]! |= bit;
  }
  return all;
}

/** The latents that fail nothing, in an order of all. */
export function passing(all: Failings, order: Uint32Array): Uint32Array {
  const kept = new Uint32Array(order.length);
  let size = 0;
  for (const i of order) if (all[i] === 0) kept[size++] = i;
  return kept.subarray(0, size);
}

/** A bound as exact as the column: 0.1 finds the single-precision 0.1. */
function single(value: number, values: Float32Array | Uint32Array): number {
  return values instanceof Float32Array ? Math.fround(value) : value;
}

/** Marks the token types whose text contains `part`, whatever the case. */
function matching(vocabulary: Vocabulary | null, part: string): Uint8Array {
  const wanted = part.toLowerCase();
  if (vocabulary === null) return new Uint8Array();
  return Uint8Array.from(vocabulary.text, (_, type) => (textOf(vocabulary, type).toLowerCase().includes(wanted) ? 1 : 0));
}
