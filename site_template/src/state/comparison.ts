/** Which latents of a comparison are listed, and in which order: pure functions on columns. */
import type { Columns, SideName } from "../store/comparison.ts";

/** What became of a latent, by the number in the store; the words of who looks from A to B. */
export const KINDS: Record<SideName, readonly string[]> = {
  a: ["lost", "split", "merged", "matched", "near"],
  b: ["new", "merged", "split", "matched", "near"],
};

export const SORTS = ["index", "cosine", "correlation", "highest"] as const;
export type Sort = (typeof SORTS)[number];

/** What the list shows. It lives in the URL. */
export interface Choice {
  side: SideName;
  /** Number of a kind; null for all. */
  kind: number | null;
  sort: Sort;
  descending: boolean;
}

export function readChoice(query: URLSearchParams): Choice {
  const side = query.get("side") === "b" ? "b" : "a";
  const kind = KINDS[side].indexOf(query.get("kind") ?? "");
  return {
    side,
    kind: kind < 0 ? null : kind,
    sort: SORTS.find((sort) => sort === query.get("sort")) ?? "cosine",
    descending: query.get("order") !== "up",
  };
}

/** The query of a choice; what is at its default is null, that is, left out. */
export function writeChoice({ side, kind, sort, descending }: Choice): Record<string, string | null> {
  return {
    side: side === "a" ? null : side,
    kind: kind === null ? null : (KINDS[side][kind] ?? null),
    sort: sort === "cosine" ? null : sort,
    order: descending ? null : "up",
  };
}

/** Latents in order; what has no number comes last whichever way, ties keep the order of the dictionary. */
export function choose(columns: Columns, { kind, sort, descending }: Choice): Uint32Array {
  const rows = Uint32Array.from(columns.kind.keys()).filter((index) => kind === null || columns.kind[index] === kind);
  if (sort === "index") return descending ? rows.reverse() : rows;
  const values = columns[sort];
  const sign = descending ? -1 : 1;
  const key = (index: number) => {
    const value = values[index] ?? Number.NaN;
    return Number.isNaN(value) ? Number.POSITIVE_INFINITY : sign * value;
  };
  return rows.sort((x, y) => Math.sign(key(x) - key(y)) || x - y);
}

export function countsOf(columns: Columns): number[] {
  const counts = [0, 0, 0, 0, 0];
  for (const kind of columns.kind) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** How many fall into each of `n` equal bins from 0 to 1; what is below 0 falls into the first. */
export function spread(values: Float32Array, n: number): number[] {
  const counts = new Array<number>(n).fill(0);
  for (const value of values) counts[binOf(value, n)] = (counts[binOf(value, n)] ?? 0) + 1;
  return counts;
}

/** The same of two numbers together, [row of y][column of x]; those without a correlation are left out. */
export function scattered(x: Float32Array, y: Float32Array, n: number): number[][] {
  const counts = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  x.forEach((value, index) => {
    const other = y[index] ?? Number.NaN;
    const row = Number.isNaN(other) ? undefined : counts[binOf(other, n)];
    if (row) row[binOf(value, n)] = (row[binOf(value, n)] ?? 0) + 1;
  });
  return counts;
}

function binOf(value: number, n: number): number {
  return Math.min(n - 1, Math.max(0, Math.floor(value * n)));
}
