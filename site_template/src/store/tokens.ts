/** The token index: from a token type to the units that fire on it, promote it and suppress it. */
import type { Address } from "../state/address.ts";
import type { Atlas } from "./atlas.ts";
import { AtlasError } from "./errors.ts";
import type { Group } from "./group.ts";
import { remember } from "./remember.ts";
import { N_UNITS, TOKEN_CHUNK } from "./schema.gen.ts";
import { Units } from "./units.ts";

const SIDES = ["fires", "promoted", "suppressed"] as const;
export type Side = (typeof SIDES)[number];

/** A unit and its two measures: cosine and P(fires), or logit effect at its maximum and per unit of activation. */
export interface Row {
  address: Address;
  first: number;
  second: number;
}

export interface TokenUnits extends Record<Side, Row[]> {
  /** Occurrences of the type at counted positions. */
  count: number;
}

const indexes = new Map<string, Promise<TokenIndex>>();

export class TokenIndex {
  readonly #types = new Map<number, Promise<TokenUnits>>();
  readonly #units: Units;

  private constructor(private readonly group: Group) {
    this.#units = new Units(group.attributes);
  }

  /** The index of an atlas, opened once. */
  static of(atlas: Atlas): Promise<TokenIndex> {
    const path = atlas.manifest.token_index;
    if (!path) throw new AtlasError("This atlas was made without an index of its tokens", "Build it again: atlas build");
    return remember(indexes, atlas.url, async () => new TokenIndex(await atlas.group(path)));
  }

  /** What is told of one type: a chunk of each array. */
  read(type: number): Promise<TokenUnits> {
    return remember(this.#types, type, async () => {
      const length = await this.group.chunkLength("count");
      const chunk = Math.floor(type / TOKEN_CHUNK);
      const [counts, units, values] = await Promise.all([
        this.group.chunk("count", Math.floor(type / length)),
        this.group.chunk("units", chunk),
        this.group.chunk("values", chunk),
      ]);
      const sides = SIDES.map((side, number) => {
        const start = ((type % TOKEN_CHUNK) * SIDES.length + number) * N_UNITS;
        const slots = Array.from({ length: N_UNITS }, (_, rank) => start + rank).filter((slot) => values[2 * slot] !== 0);
        return [side, slots.map((slot) => this.#row(units, values, slot))];
      });
      return { count: counts[type % length] ?? 0, ...(Object.fromEntries(sides) as Record<Side, Row[]>) };
    });
  }

  #row(units: Uint32Array, values: Float32Array, slot: number): Row {
    return { address: this.#units.address(units[slot] ?? 0), first: values[2 * slot] ?? 0, second: values[2 * slot + 1] ?? 0 };
  }
}

/** The units in all of the lists, by lowest first measure; ties as in the first list. */
export function inAll(lists: readonly Row[][]): Row[] {
  const name = ({ address }: Row) => `${address.dictionary}/${address.index}`;
  const named = lists.map((rows) => new Map(rows.map((row) => [name(row), row])));
  const common = (lists[0] ?? []).filter((row) => named.every((rows) => rows.has(name(row))));
  const lowest = common.map((row) => {
    const all = named.map((rows) => rows.get(name(row)) as Row);
    return { address: row.address, first: Math.min(...all.map((each) => each.first)), second: Math.min(...all.map((each) => each.second)) };
  });
  return lowest.sort((a, b) => b.first - a.first);
}
