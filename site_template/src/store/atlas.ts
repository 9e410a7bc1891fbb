/** Typed reads of an atlas. The only file that knows zarrita. */
import * as zarr from "zarrita";
import { AtlasError } from "./errors.ts";
import { type DictionaryRecord, type Manifest, openManifest } from "./manifest.ts";
import { type FloatField, type IntField, PREVIEW_CHUNK, SNIPPET, SNIPPETS } from "./schema.gen.ts";
import { ShardStore } from "./shards.ts";

type Numbers = Uint8Array | Int8Array | Uint16Array | Uint32Array | Float32Array;
interface Fields {
  floats: Record<FloatField, [number, number]>;
  ints: Record<IntField, [number, number]>;
}

export type Section = "top" | "bottom" | "bands" | "random";

/** Token types as text; `kind` is 0 text, 1 hex of bytes that are no UTF-8, 2 special. */
export interface Vocabulary {
  text: readonly string[];
  kind: Uint8Array;
}

/** One latent's card: the contract's fields by name, and its examples, row by row. */
export interface Latent {
  index: number;
  floats: Record<FloatField, Float32Array>;
  ints: Record<IntField, Uint32Array>;
  tokens: Uint16Array | Uint32Array;
  acts: Uint8Array | Int8Array;
}

/** Three snippets of a list row: token types and heat, `SNIPPETS x 2 x SNIPPET`. */
export type Preview = Uint16Array | Uint32Array;

/** A group whose arrays are opened once: an open array keeps the shard indexes it has read. */
class Group {
  readonly #arrays = new Map<string, Promise<zarr.Array<zarr.DataType>>>();

  private constructor(
    readonly attributes: Record<string, unknown>,
    private readonly root: zarr.Location<zarr.Readable>,
  ) {}

  static async open(url: string, signal?: AbortSignal): Promise<Group> {
    const store = await ShardStore.open(url, signal);
    const whole = await zarr.withConsolidatedMetadata(store, { format: "v3" });
    return new Group(store.attributes, zarr.root(zarr.withRangeCoalescing(whole)));
  }

  array(path: string): Promise<zarr.Array<zarr.DataType>> {
    let array = this.#arrays.get(path);
    if (array === undefined) {
      array = zarr.open.v3(this.root.resolve(path), { kind: "array" });
      this.#arrays.set(path, array);
    }
    return array;
  }

  /** One chunk's values, by chunk index along the first dimension. */
  async chunk<T extends Numbers>(path: string, index: number, signal?: AbortSignal): Promise<T> {
    const array = await this.array(path);
    const { data } = await array.getChunk([index, ...array.shape.slice(1).map(() => 0)], signal && { signal });
    return data as unknown as T;
  }

  async strings(path: string, index: number, signal?: AbortSignal): Promise<string[]> {
    const array = await this.array(path);
    return (await array.getChunk([index], signal && { signal })).data as unknown as string[];
  }
}

export class Dictionary {
  readonly sections: Record<Section, [number, number]>;
  readonly writes: boolean;
  readonly #fields: Fields;
  readonly #previews = new Map<number, Promise<Preview>>();

  constructor(
    readonly record: DictionaryRecord,
    private readonly group: Group,
  ) {
    const attributes = group.attributes;
    this.sections = attributes["sections"] as Record<Section, [number, number]>;
    this.writes = attributes["writes"] === true;
    this.#fields = attributes["fields"] as Fields;
  }

  async latent(index: number, signal?: AbortSignal): Promise<Latent> {
    if (!(Number.isInteger(index) && index >= 0 && index < this.record.n_latents)) {
      throw new AtlasError(
        `${this.record.id} has no latent ${index}`,
        `Its latents are 0 to ${this.record.n_latents - 1}`,
      );
    }
    const [floats, ints, tokens, acts] = await Promise.all([
      this.group.chunk<Float32Array>("card/floats", index, signal),
      this.group.chunk<Uint32Array>("card/ints", index, signal),
      this.group.chunk<Uint16Array | Uint32Array>("examples/tokens", index, signal),
      this.group.chunk<Uint8Array | Int8Array>("examples/acts", index, signal),
    ]);
    return { index, floats: byName(this.#fields.floats, floats), ints: byName(this.#fields.ints, ints), tokens, acts };
  }

  /** One statistic of every latent: one request. */
  async stat(name: string, signal?: AbortSignal): Promise<Float32Array | Uint32Array> {
    return this.group.chunk<Float32Array | Uint32Array>(`stats/${name}`, 0, signal);
  }

  /** A row's snippets. Rows of one chunk share one read; reads of one tick share requests. */
  async preview(index: number): Promise<Preview> {
    const size = SNIPPETS * 2 * SNIPPET;
    const chunk = await this.#previewChunk(Math.floor(index / PREVIEW_CHUNK));
    const row = index % PREVIEW_CHUNK;
    return chunk.subarray(row * size, (row + 1) * size);
  }

  #previewChunk(number: number): Promise<Preview> {
    let chunk = this.#previews.get(number);
    if (chunk === undefined) {
      chunk = this.group.chunk<Preview>("preview", number);
      chunk.catch(() => this.#previews.delete(number));
      this.#previews.set(number, chunk);
    }
    return chunk;
  }
}

export class Atlas {
  readonly #dictionaries = new Map<string, Promise<Dictionary>>();
  #vocabulary: Promise<Vocabulary> | undefined;
  #corpus: Promise<Group> | undefined;

  private constructor(
    readonly url: string,
    readonly manifest: Manifest,
  ) {}

  static async open(url: string, signal?: AbortSignal): Promise<Atlas> {
    const base = url.replace(/\/+$/, "");
    return new Atlas(base, await openManifest(base, signal));
  }

  dictionary(id: string): Promise<Dictionary> {
    const record = this.manifest.dictionaries.find((each) => each.id === id);
    if (record === undefined) {
      const known = this.manifest.dictionaries.map((each) => each.id).join(", ");
      return Promise.reject(new AtlasError(`this atlas has no dictionary ${id}`, `It has: ${known}`));
    }
    return remember(this.#dictionaries, id, async () => new Dictionary(record, await Group.open(this.#path(record.store))));
  }

  vocabulary(): Promise<Vocabulary> {
    this.#vocabulary ??= this.#readVocabulary().catch((error: unknown) => {
      this.#vocabulary = undefined;
      throw error;
    });
    return this.#vocabulary;
  }

  /** What the corpus source calls a document. */
  async documentId(index: number): Promise<string> {
    this.#corpus ??= Group.open(this.#path("corpus.zarr"));
    const corpus = await this.#corpus;
    const length = (await corpus.array("document_id")).chunks[0] ?? 1;
    return (await corpus.strings("document_id", Math.floor(index / length)))[index % length] ?? "";
  }

  async #readVocabulary(): Promise<Vocabulary> {
    const group = await Group.open(this.#path("vocabulary.zarr"));
    const [text, kind] = await Promise.all([group.strings("text", 0), group.chunk<Uint8Array>("kind", 0)]);
    return { text, kind };
  }

  #path(below: string): string {
    return `${this.url}/runs/${this.manifest.run}/${below}`;
  }
}

function byName<K extends string, T extends Float32Array | Uint32Array>(ranges: Record<K, [number, number]>, card: T): Record<K, T> {
  const entries = Object.entries<[number, number]>(ranges);
  return Object.fromEntries(entries.map(([name, [start, stop]]) => [name, card.subarray(start, stop)])) as Record<K, T>;
}

/** Keeps a promise by key, but forgets failures so that a retry asks again. */
function remember<T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  made.catch(() => map.delete(key));
  map.set(key, made);
  return made;
}
