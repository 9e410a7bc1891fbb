import type { AbsolutePath, AsyncReadable, RangeQuery } from "@zarrita/storage";
import { AtlasError, INCOMPLETE } from "./errors.ts";
import { fetchRange, fetchWhole } from "./fetch.ts";

interface Options {
  signal?: AbortSignal;
}

/**
 * A Zarr group behind static HTTP. The group's metadata lists the size of every file, so that
 * - a range from the end becomes an absolute one: no HEAD request, no CORS preflight, fit for Azure;
 * - a file that is listed but missing is an error, and one that is not listed was all zeros.
 */
export class ShardStore implements AsyncReadable {
  readonly attributes: Record<string, unknown>;
  readonly #sizes: Record<string, number>;

  private constructor(
    readonly url: string,
    readonly metadata: Uint8Array,
  ) {
    const parsed = JSON.parse(new TextDecoder().decode(metadata)) as { attributes?: Record<string, unknown> };
    this.attributes = parsed.attributes ?? {};
    this.#sizes = (this.attributes["shard_sizes"] ?? {}) as Record<string, number>;
  }

  static async open(url: string): Promise<ShardStore> {
    const metadata = await fetchWhole(`${url}/zarr.json`);
    if (metadata === undefined) throw new AtlasError(`there is no store at ${url}`, INCOMPLETE);
    return new ShardStore(url, metadata);
  }

  async get(key: AbsolutePath, options: Options = {}): Promise<Uint8Array | undefined> {
    if (key === "/zarr.json") return this.metadata;
    const size = this.#sizes[key.slice(1)];
    if (size === undefined) return undefined;
    const bytes = await fetchWhole(this.url + key, options);
    if (bytes === undefined || bytes.length !== size) {
      throw new AtlasError(`${this.url}${key} is missing or cut short`, INCOMPLETE);
    }
    return bytes;
  }

  async getRange(key: AbsolutePath, range: RangeQuery, options: Options = {}): Promise<Uint8Array | undefined> {
    const size = this.#sizes[key.slice(1)];
    if (size === undefined) return undefined;
    if ("offset" in range) return fetchRange(this.url + key, range.offset, range.length, options);
    // A shard's index, which all later reads share: who asked first may not abort it for the others.
    const length = Math.min(range.suffixLength, size);
    return fetchRange(this.url + key, size - length, length);
  }
}
