/** Two latents side by side: how each is opened, and what an atlas tells of the pair. */
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Latent } from "../store/dictionary.ts";
import { AtlasError } from "../store/errors.ts";
import { parseAddress } from "./address.ts";
import { type Opened, openAtlas } from "./opened.ts";

export type Letter = "a" | "b";
export const NAMES: Record<Letter, string> = { a: "A", b: "B" };

/** An atlas and the latent of it that was asked for; null where none was. */
export interface Side {
  atlas: Atlas;
  opened: Opened | null;
}

/** A latent as it is shown beside another: `href` is its own page, null where this site has none. */
export interface Shown {
  at: string;
  href: string | null;
  opened: Opened;
}

/** Reads one side. Heads have no card that a latent's could be laid beside. */
export async function openSide(base: string, at: string, signal: AbortSignal): Promise<Side> {
  const address = parseAddress(at);
  if (address === null && at.trim() !== "") {
    throw new AtlasError(`“${at}” is no address`, "An address is dictionary/index, as in mlp_post.2/17: type one above");
  }
  const atlas = await openAtlas(base);
  if (address === null) return { atlas, opened: null };
  if (atlas.headsRecord(address.dictionary) !== undefined) {
    throw new AtlasError(`${at} is an attention head: only latents can be laid side by side`, "Give the address of a latent, as mlp_post.2/17");
  }
  const vocabulary = atlas.vocabulary();
  const dictionary = atlas.dictionary(address.dictionary);
  const latent = dictionary.then((found) => found.latent(address.index, signal));
  const [v, d, l] = await Promise.all([vocabulary, dictionary, latent]);
  return { atlas, opened: { atlas, vocabulary: v, dictionary: d, latent: l } };
}

/** Which of two values is larger and how much, in words; equal ones are told as such. */
export function larger(a: number, b: number): { side: Letter | null; ratio: number | null } {
  if (a === b) return { side: null, ratio: null };
  const [low, high] = a > b ? [b, a] : [a, b];
  return { side: a > b ? "a" : "b", ratio: low > 0 ? high / low : null };
}

/** The cosine of the write directions as far as the lists of the nearest tell it. */
export type WriteCosine = { told: number } | { atMost: number } | null;

/** Null where no list could: latents of different dictionaries. What is in neither list is below the last of both. */
export function writeCosine(a: Opened, b: Opened): WriteCosine {
  if (!sameDictionary(a, b)) return null;
  if (a.latent.index === b.latent.index) return { told: 1 };
  const lists = [nearest(a.latent, b.latent.index), nearest(b.latent, a.latent.index)];
  const told = lists.find((list) => list.told !== undefined)?.told;
  return told === undefined ? { atMost: Math.min(...lists.map((list) => list.last)) } : { told };
}

function nearest(latent: Latent, other: number): { told: number | undefined; last: number } {
  const cosines = latent.floats.neighbour_cosine;
  const slot = latent.ints.neighbour_index.indexOf(other);
  return { told: slot < 0 ? undefined : cosines[slot], last: cosines[cosines.length - 1] ?? 1 };
}

/** Positions where both fire, and the cosine of that. */
export interface Together {
  count: number;
  cosine: number;
}

/** As the list of either tells it; null where neither does. */
export function together(a: Opened, b: Opened): Together | null {
  if (a.atlas !== b.atlas) return null;
  return listed(a, b) ?? listed(b, a);
}

function listed({ dictionary, latent }: Opened, other: Opened): Together | null {
  const { ints, floats } = latent;
  if (ints.cofiring_index === undefined) return null; // an atlas made before co-firing was counted
  const own = dictionary.record.id === other.dictionary.record.id;
  const [index, counts, cosines] = own
    ? [ints.cofiring_index, ints.cofiring_count, floats.cofiring_cosine]
    : [ints.across_index, ints.across_count, floats.across_cosine];
  const mate = dictionary.mates.indexOf(other.dictionary.record.id);
  const slot = index.findIndex((each, row) => each === other.latent.index && (counts[row] ?? 0) > 0 && (own || ints.across_dictionary[row] === mate));
  return slot < 0 ? null : { count: counts[slot] ?? 0, cosine: cosines[slot] ?? 0 };
}

export function sameDictionary(a: Opened, b: Opened): boolean {
  return a.atlas === b.atlas && a.dictionary === b.dictionary;
}

/** Whether activations of the two are in one unit and mean the same kind of thing. */
export function sameKind(a: Dictionary, b: Dictionary): boolean {
  return a.record.kind === b.record.kind && a.record.two_signed === b.record.two_signed;
}

/** A token of either latent's table with its value in each; undefined where it is not told. */
export interface TokenRow {
  type: number;
  vocabulary: Vocabulary;
  a: number | undefined;
  b: number | undefined;
}

/** A latent's tokens, strongest first, and what is told of each. */
export interface TokenTable {
  types: readonly number[];
  values: readonly number[];
  vocabulary: Vocabulary;
}

/** Both tables as one: the tokens of both first, then the others of A and of B in turn, each in its own order. */
export function joined(a: TokenTable, b: TokenTable): TokenRow[] {
  // Two atlases may number the types differently: then the text says what is the same.
  const key = a.vocabulary === b.vocabulary ? (_: TokenTable, type: number) => type : (table: TokenTable, type: number) => textKey(table.vocabulary, type);
  const rows = new Map<number | string, TokenRow>();
  a.types.forEach((type, row) => rows.set(key(a, type), { type, vocabulary: a.vocabulary, a: a.values[row], b: undefined }));
  b.types.forEach((type, row) => {
    const known = rows.get(key(b, type));
    if (known !== undefined) known.b = b.values[row];
    else rows.set(key(b, type), { type, vocabulary: b.vocabulary, a: undefined, b: b.values[row] });
  });
  const all = [...rows.values()];
  const only = (letter: Letter) => all.filter((row) => !isShared(row) && row[letter] !== undefined);
  const [ofA, ofB] = [only("a"), only("b")];
  const turns = Array.from({ length: Math.max(ofA.length, ofB.length) }, (_, turn) => [...ofA.slice(turn, turn + 1), ...ofB.slice(turn, turn + 1)]);
  return [...all.filter(isShared), ...turns.flat()];
}

export function isShared(row: TokenRow): boolean {
  return row.a !== undefined && row.b !== undefined;
}

function textKey(vocabulary: Vocabulary, type: number): string {
  return `${vocabulary.kind[type] ?? 0} ${vocabulary.text[type] ?? ""}`;
}
