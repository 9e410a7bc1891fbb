import { Dictionary } from "./dictionary.ts";
import { Documents } from "./documents.ts";
import { AtlasError } from "./errors.ts";
import { Group } from "./group.ts";
import { Heads } from "./heads.ts";
import { type HeadsRecord, type Manifest, openManifest } from "./manifest.ts";
import { remember } from "./remember.ts";

/** Token types as text; `kind` is 0 text, 1 hex of bytes that are no UTF-8, 2 special. */
export interface Vocabulary {
  text: readonly string[];
  kind: Uint8Array;
}

/** An open atlas: its dictionaries, heads, vocabulary and documents are read when asked for, once. */
export class Atlas {
  readonly #dictionaries = new Map<string, Promise<Dictionary>>();
  readonly #heads = new Map<string, Promise<Heads>>();
  readonly #groups = new Map<string, Promise<Group>>();
  readonly #documents = new Map<"documents", Promise<Documents>>();
  readonly #vocabulary = new Map<"vocabulary", Promise<Vocabulary>>();

  private constructor(
    readonly url: string,
    readonly manifest: Manifest,
  ) {}

  static async open(url: string): Promise<Atlas> {
    const base = url.replace(/\/+$/, "");
    return new Atlas(base, await openManifest(base));
  }

  /** The run that made the latents; labels given since change none. */
  get builtRun(): string {
    return this.manifest.labelled_from ?? this.manifest.run;
  }

  async dictionary(id: string): Promise<Dictionary> {
    const record = this.manifest.dictionaries.find((each) => each.id === id);
    if (record === undefined) {
      const known = this.manifest.dictionaries.map((each) => each.id).join(", ");
      throw new AtlasError(`this atlas has no dictionary ${id}`, `It has: ${known}`);
    }
    return remember(this.#dictionaries, id, async () => new Dictionary(record, await this.group(record.store)));
  }

  /** The record of a layer's heads; undefined if no layer's are called so. */
  headsRecord(id: string): HeadsRecord | undefined {
    return this.manifest.heads?.find((each) => each.id === id);
  }

  async heads(id: string): Promise<Heads> {
    const record = this.headsRecord(id);
    if (record === undefined) {
      const known = (this.manifest.heads ?? []).map((each) => each.id).join(", ");
      throw new AtlasError(`this atlas has no heads ${id}`, known ? `It has: ${known}` : "It was made without heads: build it again, atlas build --heads");
    }
    return remember(this.#heads, id, async () => new Heads(record, await this.group(record.store)));
  }

  vocabulary(): Promise<Vocabulary> {
    return remember(this.#vocabulary, "vocabulary", async () => {
      const group = await this.group("vocabulary.zarr");
      const [text, kind] = await Promise.all([group.chunk("text", 0), group.chunk("kind", 0)]);
      return { text, kind };
    });
  }

  documents(): Promise<Documents> {
    return remember(this.#documents, "documents", async () => new Documents(await this.group("corpus.zarr")));
  }

  /** A group below the run. */
  group(path: string): Promise<Group> {
    return remember(this.#groups, path, () => Group.open(`${this.url}/runs/${this.manifest.run}/${path}`));
  }
}
