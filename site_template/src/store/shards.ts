import type { AbsolutePath, AsyncReadable, RangeQuery } from "@zarrita/storage";
import { AtlasError } from "./errors.ts";
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

  static async open(url: string, signal?: AbortSignal): Promise<ShardStore> {
    const metadata = await fetchWhole(`${url}/zarr.json`, signal);
    if (metadata === undefined) {
      throw new AtlasError(`there is no store at ${url}`, "The copy of the atlas is not complete: copy it again, or run: atlas verify");
    }
    return new ShardStore(url, metadata);
  }

  async get(key: AbsolutePath, options: Options = {}): Promise<Uint8Array | undefined> {
    if (key === "/zarr.json") return this.metadata;
    const size = this.#sizes[key.slice(1)];
    if (size === undefined) return undefined;
    const bytes = await fetchWhole(this.url + key, options.signal);
    if (bytes === undefined || bytes.length !== size) {
      throw new AtlasError(`${this.url}${key} is missing or cut short`, "Copy the atlas again, or run: atlas verify");
    }
    return bytes;
  }

  async getRange(key: AbsolutePath, range: RangeQuery, options: Options = {}): Promise<Uint8Array | undefined> {
    const size = this.#sizes[key.slice(1)];
    if (size === undefined) return undefined;
    const length = "suffixLength" in range ? Math.min(range.suffixLength, size) : range.length;
    const offset = "suffixLength" in range ? size - length : range.offset;
    return fetchRange(this.url + key, offset, length, options.signal);
  }
}
