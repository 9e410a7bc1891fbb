import { AtlasError } from "./errors.ts";
import type { Group, ValuesOf } from "./group.ts";
import { type Label, Labels } from "./labels.ts";
import type { DictionaryRecord } from "./manifest.ts";
import { remember } from "./remember.ts";
import { type FloatField, type IntField, PREVIEW_CHUNK, SNIPPET, SNIPPETS, type Stat } from "./schema.gen.ts";

export type Section = "top" | "bottom" | "bands" | "random";

/** One latent's card: the contract's fields by name, and its examples, row by row. */
export interface Latent {
  index: number;
  floats: Record<FloatField, Float32Array>;
  ints: Record<IntField, Uint32Array>;
  tokens: ValuesOf<"examples/tokens">;
  acts: ValuesOf<"examples/acts">;
  /** What it is said to fire on, best first. */
  labels: readonly Label[];
}

/** The snippets of a list row: token types and heat, `SNIPPETS x 2 x SNIPPET`. */
export type Preview = ValuesOf<"preview">;

/** A map: x and y of each latent in turn, 0..65535 to the right and upwards, and the region it belongs to. */
export interface Layout {
  xy: ValuesOf<"map/xy">;
  region: ValuesOf<"map/region">;
}

/** The dictionaries upstream, or downstream, of another; `chance` is the largest |cosine| to expect of so many random directions. */
export interface Side {
  dictionaries: string[];
  chance: number;
}

export type Ranges<K extends string> = Record<K, [number, number]>;

export class Dictionary {
  /** Rows of the examples. */
  readonly sections: Record<Section, [number, number]>;
  /** The layer's other dictionaries: `across_dictionary` counts in this list. */
  readonly mates: string[];
  /** The heads that write what it reads, told in `head_part`; null where it reads something else. */
  readonly heads: string | null;
  /** Whose latents `upstream_dictionary` and `downstream_dictionary` count; null where there are none. */
  readonly upstream: Side | null;
  readonly downstream: Side | null;
  /** Whether its latents write to the residual stream. */
  readonly writes: boolean;
  readonly #fields: { floats: Ranges<FloatField>; ints: Ranges<IntField> };
  /** Whether there is a map of its latents. */
  readonly mapped: boolean;
  readonly #layouts = new Map<"layout", Promise<Layout>>();
  readonly #previews = new Map<number, Promise<Preview>>();
  readonly #labels: Labels;

  constructor(
    readonly record: DictionaryRecord,
    private readonly group: Group,
  ) {
    this.sections = group.attributes["sections"] as Record<Section, [number, number]>;
    this.mates = (group.attributes["mates"] as string[] | undefined) ?? [];
    this.heads = (group.attributes["heads"] as string | null | undefined) ?? null;
    this.upstream = (group.attributes["upstream"] as Side | null | undefined) ?? null;
    this.downstream = (group.attributes["downstream"] as Side | null | undefined) ?? null;
    this.writes = group.attributes["writes"] === true;
    this.mapped = group.attributes["map"] === true;
    this.#labels = new Labels(group);
    this.#fields = group.attributes["fields"] as { floats: Ranges<FloatField>; ints: Ranges<IntField> };
  }

  async latent(index: number, signal?: AbortSignal): Promise<Latent> {
    if (index >= this.record.n_latents) {
      throw new AtlasError(
        `${this.record.id} has no latent ${index}`,
        `Its latents are ${this.record.id}/0 to ${this.record.id}/${this.record.n_latents - 1}`,
      );
    }
    const [labels, floats, ints, tokens, acts] = await Promise.all([
      this.#labels.of(index),
      this.group.chunk("card/floats", index, signal),
      this.group.chunk("card/ints", index, signal),
      this.group.chunk("examples/tokens", index, signal),
      this.group.chunk("examples/acts", index, signal),
    ]);
    const fields = { floats: byName(this.#fields.floats, floats), ints: byName(this.#fields.ints, ints) };
    return { index, ...fields, tokens, acts, labels };
  }

  /** What a latent is said to fire on, best label first. */
  async labels(index: number): Promise<readonly Label[]> {
    return this.#labels.of(index);
  }

  /** Whether latents of it have labels. */
  get labelled(): boolean {
    return this.#labels.there;
  }

  /** The best label of a latent; empty if it has none. */
  async bestLabel(index: number): Promise<string> {
    return this.#labels.best(index);
  }

  /** Of every latent the best label: the first ones, then more, then all. */
  bestLabels(): AsyncGenerator<readonly string[]> {
    return this.#labels.allBest(this.record.n_latents);
  }

  /** A latent's best label; empty if there is none. */
  async label(index: number): Promise<string> {
    return (await this.#labels.of(index))[0]?.text ?? "";
  }

  /** One statistic of every latent: one request. */
  async stat(name: Stat, signal?: AbortSignal): Promise<Float32Array | Uint32Array> {
    return this.group.chunk(`stats/${name}`, 0, signal);
  }

  /** Its map, for who asked whether it is `mapped`. */
  layout(): Promise<Layout> {
    return remember(this.#layouts, "layout", async () => {
      const [xy, region] = await Promise.all([this.group.chunk("map/xy", 0), this.group.chunk("map/region", 0)]);
      return { xy, region };
    });
  }

  /** A row's snippets. Rows of one chunk share one read; reads of one tick share requests. */
  async preview(index: number): Promise<Preview> {
    const size = SNIPPETS * 2 * SNIPPET;
    const number = Math.floor(index / PREVIEW_CHUNK);
    const chunk = await remember(this.#previews, number, () => this.group.chunk("preview", number));
    const row = index % PREVIEW_CHUNK;
    return chunk.subarray(row * size, (row + 1) * size);
  }
}

export function byName<K extends string, T extends Float32Array | Uint32Array>(ranges: Ranges<K>, card: T): Record<K, T> {
  const entries = Object.entries<[number, number]>(ranges);
  return Object.fromEntries(entries.map(([name, [start, stop]]) => [name, card.subarray(start, stop)])) as Record<K, T>;
}
