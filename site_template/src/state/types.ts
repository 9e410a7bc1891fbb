/** Token types by text: the same rules as feature_atlas/search.py. */
import { textOf } from "../draw/glyphs.ts";
import type { Vocabulary } from "../store/atlas.ts";
import { fold, forgiven, slips } from "../store/words.ts";

const MOST_TYPES = 32;
export const MOST_TOKENS = 8;

/** A token type that fits a text: exactly, but for outer spaces, but for case or accents, as a part, or nearly. */
export interface Match {
  type: number;
  how: "exact" | "spaces" | "case" | "contains" | "near";
}

interface Texts {
  text: string[];
  folded: string[];
}

const prepared = new WeakMap<Vocabulary, Texts>();

/** Every type's text, bytes that are no UTF-8 in brackets, and the same folded; made once. */
function textsOf(vocabulary: Vocabulary): Texts {
  const known = prepared.get(vocabulary);
  if (known !== undefined) return known;
  const text = vocabulary.text.map((_, type) => (vocabulary.kind[type] === 1 ? `⟨${textOf(vocabulary, type)}⟩` : textOf(vocabulary, type)));
  const made = { text, folded: text.map(fold) };
  prepared.set(vocabulary, made);
  return made;
}

/** The types that fit, the nearest first; those that are only near, if nothing fits but for case and spaces. */
export function matchingTypes(query: string, vocabulary: Vocabulary): Match[] {
  const { text, folded } = textsOf(vocabulary);
  const bare = fold(query).trim();
  const found: { match: Match; rank: number; by: number }[] = [];
  const add = (type: number, how: Match["how"], rank: number, by = 0) => found.push({ match: { type, how }, rank, by });
  for (const [type, each] of text.entries()) {
    const other = folded[type] ?? "";
    if (each === query) add(type, "exact", 0);
    else if (bare !== "" && each.trim() === query.trim()) add(type, "spaces", 1);
    else if (bare !== "" && other.trim() === bare) add(type, "case", 2);
    else if (bare !== "" && other.includes(bare)) add(type, "contains", 3, [...each].length);
  }
  const most = found.some(({ rank }) => rank < 3) ? 0 : forgiven(bare);
  if (most > 0) {
    for (const [type, each] of folded.entries()) {
      const other = each.trim();
      if (Math.abs(other.length - bare.length) > most || each.includes(bare)) continue;
      const away = slips(bare, other);
      if (away <= most) add(type, "near", 4, away);
    }
  }
  found.sort((a, b) => a.rank - b.rank || a.by - b.by || a.match.type - b.match.type);
  return found.slice(0, MOST_TYPES).map(({ match }) => match);
}

/**
 * A text as token types, each the longest that fits; null if somewhere none does. A phrase is taken as it
 * stands inside a text: after a space, unless it begins with white space.
 */
export function greedyTypes(query: string, vocabulary: Vocabulary): number[] | null {
  const { text } = textsOf(vocabulary);
  const numbers = new Map<string, number>();
  for (const [type, each] of text.entries()) if (each !== "" && !numbers.has(each)) numbers.set(each, type);
  const longest = text.reduce((length, each) => Math.max(length, each.length), 0);
  let rest = /^\s/.test(query) ? query : ` ${query}`;
  const types: number[] = [];
  while (rest !== "") {
    let length = Math.min(longest, rest.length);
    while (length > 0 && !numbers.has(rest.slice(0, length))) length--;
    if (length === 0) return null;
    types.push(numbers.get(rest.slice(0, length)) as number);
    rest = rest.slice(length);
  }
  return types;
}
