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

/** The pairs that are drawn, strongest first: those of two counted positions before those of the first one. */
export function ranked(pairs: readonly Pair[], weight: Weight): Pair[] {
  const counted = pairs.filter((pair) => pair.query > 0 && pair.key > 0);
  return (counted.length > 0 ? counted : [...pairs]).sort((a, b) => b[weight] - a[weight]);
}

/** A query and one of its keys. */
export interface Place {
  query: number;
  key: number;
}

/** The place inside a window of `n` tokens that is nearest to `place`: no key follows its query. */
export function inside(place: Place, n: number): Place {
  const query = clamp(place.query, n - 1);
  return { query, key: clamp(place.key, query) };
}

const STEPS: Record<string, [query: number, key: number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  PageUp: [-8, 0],
  PageDown: [8, 0],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

/** Where a key leads to from a place; null if it is none that moves. */
export function stepped(place: Place, key: string, n: number): Place | null {
  const step = STEPS[key];
  return step === undefined ? null : inside({ query: place.query + step[0], key: place.key + step[1] }, n);
}

/** The part of a map that is shown large: `size` queries from `query` on, and as many keys from `key` on. */
export interface Region extends Place {
  size: number;
}

const MARGIN = 2;

/** The region of that size which shows a place: the one before, moved no further than it must. */
export function follow(before: Region | null, place: Place, size: number, n: number): Region {
  const along = (at: number, from: number | undefined) => {
    const wanted = from === undefined || at < from - size || at >= from + 2 * size ? at - Math.floor(size / 2) : from;
    return clamp(Math.max(Math.min(wanted, at - MARGIN), at + MARGIN + 1 - size), n - size);
  };
  const kept = before?.size === size ? before : null;
  return { query: along(place.query, kept?.query), key: along(place.key, kept?.key), size };
}

function clamp(value: number, last: number): number {
  return Math.max(0, Math.min(last, value));
}
