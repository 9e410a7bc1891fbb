/** What latents are said to fire on, as a labelled dictionary's group holds it. */
import type { Group } from "./group.ts";
import { remember } from "./remember.ts";
import { LABEL_PARTS } from "./schema.gen.ts";

/** A text, who says it, and a score by that source's own measure; null for none. */
export interface Label {
  text: string;
  source: string;
  score: number | null;
}

/** The group's attribute; `most` is missing in atlases made before a latent could have several labels. */
interface Attribute {
  source: string;
  most?: number;
}

/** Labels that are read at once, by neighbouring ranges of a file: about 100 KB, one request. */
const BATCH = 8192;

/** Latents of one chunk share one read. */
export class Labels {
  readonly #attribute: Attribute | undefined;
  readonly #chunks = new Map<string, Promise<string[]>>();

  constructor(private readonly group: Group) {
    this.#attribute = group.attributes["labels"] as Attribute | undefined;
  }

  /** Whether anything is said of any latent. */
  get there(): boolean {
    return this.#attribute !== undefined;
  }

  /** A latent's best label; empty where nothing is said. */
  async best(index: number): Promise<string> {
    return this.there ? ((await this.#cells("label", index, 1))[0] ?? "") : "";
  }

  /** The best labels of the first latents, again and again with a batch more, until they are all `n`. */
  async *allBest(n: number): AsyncGenerator<readonly string[]> {
    const length = await this.group.chunkLength("label");
    const chunks = Math.max(1, Math.floor(BATCH / length));
    let known: string[] = [];
    for (let first = 0; first < n; first += chunks * length) {
      const there = Math.min(chunks, Math.ceil((n - first) / length));
      const batch = Array.from({ length: there }, (_, i) => this.#chunk("label", first / length + i));
      known = known.concat(...(await Promise.all(batch))).slice(0, n);
      yield known;
    }
  }

  /** A latent's labels, best first. */
  async of(index: number): Promise<Label[]> {
    if (this.#attribute === undefined) return [];
    const { source, most } = this.#attribute;
    if (most === undefined) {
      const [text = ""] = await this.#cells("label", index, 1);
      return text === "" ? [] : [{ text, source, score: null }];
    }
    const cells = await this.#cells("labels", index, most * LABEL_PARTS.length);
    return Array.from({ length: most }, (_, row) => read(cells.slice(row * LABEL_PARTS.length))).filter((label) => label.text !== "");
  }

  async #cells(path: "label" | "labels", index: number, size: number): Promise<string[]> {
    const length = await this.group.chunkLength(path);
    const number = Math.floor(index / length);
    const row = index % length;
    return (await this.#chunk(path, number)).slice(row * size, (row + 1) * size);
  }

  #chunk(path: "label" | "labels", number: number): Promise<string[]> {
    return remember(this.#chunks, `${path} ${number}`, () => this.group.chunk(path, number));
  }
}

function read([text = "", source = "", score = ""]: readonly string[]): Label {
  return { text, source, score: score === "" ? null : Number(score) };
}
