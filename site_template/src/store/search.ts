/** Latents by words, from the search index: the same rules as feature_atlas/search.py. */
import type { Address } from "../state/address.ts";
import type { Atlas } from "./atlas.ts";
import type { Group } from "./group.ts";
import { remember } from "./remember.ts";
import { N_POSTINGS, NO_TYPE, POSTING_CHUNK, SAID_CHUNK, SOURCES, WORD_CHUNK } from "./schema.gen.ts";
import { Units } from "./units.ts";
import { forgiven, slips, words } from "./words.ts";

const MOST_WORDS = 8;
const MOST_TERMS = 8;
const MOST_HITS = 64;
/** What a term counts, by how the word that was typed fits it. */
const EXACT = 1;
const BEGUN = 0.25;
const SLIPPED = 0.125;
const LAST = "\uffff";
const PLACE = 1 + SOURCES.length;
const PARTS = 3;

export type Source = "label" | "text";

/** A latent that has all words of a query, the terms they met, its labels, and its top token. */
export interface Hit {
  address: Address;
  score: number;
  terms: string[];
  label: string;
  top: number | null;
}

/** A word of the index that a word of a query may stand for. */
interface Term {
  text: string;
  factor: number;
  /** Row of its first posting. */
  first: number;
  /** Units that have it, by source. */
  counts: number[];
}

interface Met {
  score: number;
  term: string;
  top: number;
}

const indexes = new Map<string, Promise<SearchIndex>>();

export class SearchIndex {
  readonly #units: Units;
  readonly #firstTerms: readonly string[];
  readonly #terms = new Map<string, Promise<Term[]>>();
  readonly #blocks = new Map<number, Promise<Term[]>>();
  readonly #postings = new Map<number, Promise<Uint32Array>>();
  readonly #said = new Map<number, Promise<string[]>>();

  private constructor(private readonly group: Group) {
    this.#units = new Units(group.attributes);
    this.#firstTerms = group.attributes["first_terms"] as string[];
  }

  /** The index of an atlas, opened once; null of atlases made before there was one. */
  static async of(atlas: Atlas): Promise<SearchIndex | null> {
    const path = atlas.manifest.search_index;
    if (!path) return null;
    return remember(indexes, atlas.url, async () => new SearchIndex(await atlas.group(path)));
  }

  /** The best latents that have every word of the query from that source; ties to the lower unit. */
  async hits(query: string, source: Source): Promise<Hit[]> {
    const side = SOURCES.indexOf(source);
    const asked = await Promise.all([...new Set(words(query))].slice(0, MOST_WORDS).map((word) => this.#scores(word, side)));
    const common = [...(asked[0]?.keys() ?? [])].filter((unit) => asked.every((scores) => scores.has(unit)));
    const met = common.map((unit) => ({ unit, by: asked.map((scores) => scores.get(unit) as Met) }));
    const total = ({ by }: { by: Met[] }) => by.reduce((sum, { score }) => sum + score, 0);
    const best = met.sort((a, b) => total(b) - total(a) || a.unit - b.unit).slice(0, MOST_HITS);
    return Promise.all(
      best.map(async ({ unit, by }) => ({
        address: this.#units.address(unit),
        score: total({ by }),
        terms: by.map(({ term }) => term),
        label: await this.#label(unit),
        top: by[0]?.top === NO_TYPE ? null : (by[0]?.top ?? null),
      })),
    );
  }

  /** The texts of a latent's labels; empty if it has none. */
  said(address: Address): Promise<string> {
    return this.#label(this.#units.unit(address));
  }

  async #label(unit: number): Promise<string> {
    const number = Math.floor(unit / SAID_CHUNK);
    const chunk = await remember(this.#said, number, () => this.group.chunk("said", number));
    return chunk[unit % SAID_CHUNK] ?? "";
  }

  #termsOf(word: string): Promise<Term[]> {
    return remember(this.#terms, word, async () => {
      const letters = [...word];
      const begun = await this.#range(word, letters.length < 3);
      if (begun.length > 0) {
        const ranked = begun.sort((a, b) => Number(b.text === word) - Number(a.text === word) || units(b) - units(a));
        return ranked.slice(0, MOST_TERMS).map((term) => ({ ...term, factor: term.text === word ? EXACT : BEGUN }));
      }
      const most = forgiven(word);
      if (most === 0) return [];
      const all = await this.#range(letters[0] ?? "", false);
      const near = all.filter(({ text }) => Math.abs([...text].length - letters.length) <= most).map((term) => ({ term, away: slips(word, term.text) }));
      const ranked = near.filter(({ away }) => away <= most).sort((a, b) => a.away - b.away || units(b.term) - units(a.term));
      return ranked.slice(0, MOST_TERMS).map(({ term, away }) => ({ ...term, factor: SLIPPED / away }));
    });
  }

  /** Terms that begin with the prefix, or only that which equals it, in their order. */
  async #range(prefix: string, exact: boolean): Promise<Term[]> {
    const end = exact ? prefix : prefix + LAST;
    const first = Math.max(0, this.#above(prefix) - 1);
    const numbers = Array.from({ length: Math.max(0, this.#above(end) - first) }, (_, i) => first + i);
    const blocks = await Promise.all(numbers.map((number) => this.#block(number)));
    return blocks.flat().filter(({ text }) => prefix <= text && text <= end);
  }

  /** How many blocks begin at a term that is not above this one. */
  #above(term: string): number {
    const found = this.#firstTerms.findIndex((first) => first > term);
    return found < 0 ? this.#firstTerms.length : found;
  }

  #block(number: number): Promise<Term[]> {
    return remember(this.#blocks, number, async () => {
      const [texts, places] = await Promise.all([this.group.chunk("terms/text", number), this.group.chunk("terms/place", number)]);
      const terms = texts.slice(0, WORD_CHUNK).map((text, row) => {
        const [first = 0, ...counts] = places.subarray(row * PLACE, (row + 1) * PLACE);
        return { text, factor: EXACT, first, counts };
      });
      return terms.filter(({ text }) => text !== "");
    });
  }

  /** Of each unit the largest factor x weight of a term that the word stands for. */
  async #scores(word: string, side: number): Promise<Map<number, Met>> {
    const best = new Map<number, Met>();
    const terms = await this.#termsOf(word);
    const lists = await Promise.all(terms.map((term) => this.#rows(term, side)));
    for (const [i, { text: term, factor }] of terms.entries()) {
      for (const [unit, weight, top] of lists[i] ?? []) {
        const score = factor * weight;
        if (score > (best.get(unit)?.score ?? 0)) best.set(unit, { score, term, top });
      }
    }
    return best;
  }

  /** The postings of a term on a side: unit, weight, top token. */
  async #rows({ first, counts }: Term, side: number): Promise<[number, number, number][]> {
    const kept = counts.map((count) => Math.min(count, N_POSTINGS));
    const start = first + kept.slice(0, side).reduce((sum, n) => sum + n, 0);
    const rows = Array.from({ length: kept[side] ?? 0 }, (_, i) => start + i);
    const numbers = [...new Set(rows.map((row) => Math.floor(row / POSTING_CHUNK)))];
    const chunks = new Map(await Promise.all(numbers.map(async (number) => [number, await this.#chunk(number)] as const)));
    return rows.map((row) => {
      const at = (row % POSTING_CHUNK) * PARTS;
      const chunk = chunks.get(Math.floor(row / POSTING_CHUNK)) as Uint32Array;
      return [chunk[at] ?? 0, chunk[at + 1] ?? 0, chunk[at + 2] ?? 0];
    });
  }

  #chunk(number: number): Promise<Uint32Array> {
    return remember(this.#postings, number, () => this.group.chunk("postings", number));
  }
}

function units({ counts }: Term): number {
  return counts.reduce((sum, n) => sum + n, 0);
}
