import type { Group } from "./group.ts";
import { remember } from "./remember.ts";

/** Tokens of a document that follow one another. */
export interface Passage {
  /** Position in the document of the first of them. */
  from: number;
  types: number[];
  /** Tokens of the whole document. */
  length: number;
}

/** The corpus: what its documents are called, and their tokens. Chunks are read once. */
export class Documents {
  readonly #names = new Map<number, Promise<string[]>>();
  readonly #tokens = new Map<number, Promise<Uint16Array | Uint32Array>>();
  readonly #starts = new Map<"starts", Promise<Uint32Array>>();

  constructor(private readonly group: Group) {}

  /** What the corpus source calls a document. */
  async id(index: number): Promise<string> {
    const length = await this.group.chunkLength("document_id");
    const chunk = Math.floor(index / length);
    const names = await remember(this.#names, chunk, () => this.group.chunk("document_id", chunk));
    return names[index % length] ?? "";
  }

  /** A document's tokens at the positions `from` to `to`, cut at its ends. */
  async passage(index: number, from: number, to: number): Promise<Passage> {
    const starts = await remember(this.#starts, "starts", () => this.group.chunk("document_start", 0));
    const start = starts[index] ?? 0;
    const length = (starts[index + 1] ?? start) - start;
    const [first, last] = [Math.max(0, from), Math.min(length, to)];
    return { from: first, types: await this.#run(start + first, start + last), length };
  }

  /** Tokens of the corpus, whatever chunks they lie in. */
  async #run(from: number, to: number): Promise<number[]> {
    if (to <= from) return [];
    const size = await this.group.chunkLength("tokens");
    const [first, last] = [Math.floor(from / size), Math.ceil(to / size)];
    const numbers = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
    const chunks = await Promise.all(numbers.map((n) => remember(this.#tokens, n, () => this.group.chunk("tokens", n))));
    return chunks.flatMap((chunk) => Array.from(chunk)).slice(from - first * size, to - first * size);
  }
}
