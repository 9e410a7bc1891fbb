/** Chunks of a Zarr group, typed by the contract. The only file that knows zarrita. */
import * as zarr from "zarrita";
import { AtlasError } from "./errors.ts";
import { remember } from "./remember.ts";
import { ARRAYS, type ArrayPath } from "./schema.gen.ts";
import { ShardStore } from "./shards.ts";

/** Two reads of one file become one request if they are this near: about one chunk of a list's preview. */
const COALESCE = 2048;

const DTYPES = {
  f4: ["float32"],
  u4: ["uint32"],
  u2: ["uint16"],
  u1: ["uint8"],
  token: ["uint16", "uint32"],
  activation: ["uint8", "int8"],
  string: ["string"],
} as const;

interface Values {
  f4: Float32Array;
  u4: Uint32Array;
  u2: Uint16Array;
  u1: Uint8Array;
  token: Uint16Array | Uint32Array;
  activation: Uint8Array | Int8Array;
  string: string[];
}

export type ValuesOf<P extends ArrayPath> = Values[(typeof ARRAYS)[P]["dtype"]];

/** Arrays are opened once: an open array keeps the shard indexes that it has read. */
export class Group {
  readonly #arrays = new Map<ArrayPath, Promise<zarr.Array<zarr.DataType>>>();

  private constructor(
    private readonly store: ShardStore,
    private readonly root: zarr.Location<zarr.Readable>,
  ) {}

  static async open(url: string): Promise<Group> {
    const store = await ShardStore.open(url);
    const whole = await zarr.withConsolidatedMetadata(store, { format: "v3" });
    return new Group(store, zarr.root(zarr.withRangeCoalescing(whole, { coalesceSize: COALESCE })));
  }

  get attributes(): Record<string, unknown> {
    return this.store.attributes;
  }

  /** Values of one chunk, by its index along the first dimension. */
  async chunk<P extends ArrayPath>(path: P, index: number, signal?: AbortSignal): Promise<ValuesOf<P>> {
    const array = await this.#array(path);
    const at = [index, ...array.shape.slice(1).map(() => 0)];
    const { data } = await array.getChunk(at, signal && { signal });
    return data as unknown as ValuesOf<P>;
  }

  /** Length of a chunk along the first dimension. */
  async chunkLength(path: ArrayPath): Promise<number> {
    return (await this.#array(path)).chunks[0] ?? 1;
  }

  #array(path: ArrayPath): Promise<zarr.Array<zarr.DataType>> {
    return remember(this.#arrays, path, async () => {
      const array = await zarr.open.v3(this.root.resolve(path), { kind: "array" });
      if (!(DTYPES[ARRAYS[path].dtype] as readonly string[]).includes(array.dtype)) {
        throw new AtlasError(
          `${this.store.url}/${path} holds ${array.dtype}, not ${DTYPES[ARRAYS[path].dtype].join(" or ")}`,
          "The atlas was not written by this format: run: atlas verify",
        );
      }
      return array;
    });
  }
}
