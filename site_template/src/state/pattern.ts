/** Where a head looks in a window, from either side: pure functions on what is stored of it. */
import type { HeadWindow } from "../store/heads.ts";

/** What colours a pair: the attention, or that times the norm of what the key's value writes. */
export type Weight = "attention" | "write";
/** What a chosen token is: a query, whose keys are told, or a key, whose queries are. */
export type Side = "query" | "key";

/** A pair as told in a list: the other end, and both measures. */
export interface Pair {
  query: number;
  key: number;
  attention: number;
  write: number;
}

/** All pairs that are told of a window. */
export function pairsOf(window: HeadWindow): Pair[] {
  return window.looks.flatMap((looks, query) =>
    looks.map(({ key, attention }) => ({ query, key, attention, write: attention * (window.norms[key] ?? 0) })),
  );
}

/** Where heat ends: at the largest of the counted pairs, which leave out the first position. */
export function fullHeat(pairs: readonly Pair[], weight: Weight): number {
  return pairs.reduce((full, pair) => (pair.query > 0 && pair.key > 0 ? Math.max(full, pair[weight]) : full), 0);
}

/** The pairs of one token on one side, strongest first. */
export function pairsAt(pairs: readonly Pair[], side: Side, index: number, weight: Weight): Pair[] {
  return pairs.filter((pair) => pair[side] === index).sort((a, b) => b[weight] - a[weight]);
}

/** A run of tokens of a window. */
export interface Run {
  from: number;
  to: number;
}

const BEFORE_KEY = 4;
const AFTER_KEY = 2;
const BEFORE_QUERY = 5;
const AFTER_QUERY = 2;

/** The tokens around a pair's key and query: one run if they are near, else two. */
export function runsAround(key: number, query: number, length: number): Run[] {
  const atKey = { from: Math.max(0, key - BEFORE_KEY), to: Math.min(length, key + AFTER_KEY) };
  const atQuery = { from: Math.max(0, query - BEFORE_QUERY), to: Math.min(length, query + AFTER_QUERY) };
  return atKey.to >= atQuery.from ? [{ from: atKey.from, to: atQuery.to }] : [atKey, atQuery];
}
