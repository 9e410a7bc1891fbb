import { AtlasError } from "./errors.ts";
import type { Group, ValuesOf } from "./group.ts";
import type { HeadsRecord } from "./manifest.ts";
import { byName, type Ranges } from "./dictionary.ts";
import { ATTENTION_STEPS, type HeadFloat, type HeadInt, N_KEYS } from "./schema.gen.ts";

export type HeadSection = "write" | "attention" | "random";

/** One head's card: the contract's fields by name. */
export interface Head {
  index: number;
  floats: Record<HeadFloat, Float32Array>;
  ints: Record<HeadInt, Uint32Array>;
}

/** Token types of a window, the first position included. */
export type WindowTokens = ValuesOf<"windows/tokens">;

/** What a query pays to a key. */
export interface Look {
  key: number;
  attention: number;
}

/** A whole window and where the head looks in it. */
export interface HeadWindow {
  types: WindowTokens;
  /** Of each query its largest attention, largest first. */
  looks: readonly (readonly Look[])[];
  /** ‖v W_O‖ of each key: times attention, the write norm. */
  norms: Float32Array;
}

export class Heads {
  /** Rows of the examples. */
  readonly sections: Record<HeadSection, [number, number]>;
  readonly #examples: number;
  readonly #fields: { floats: Ranges<HeadFloat>; ints: Ranges<HeadInt> };

  constructor(
    readonly record: HeadsRecord,
    private readonly group: Group,
  ) {
    this.sections = group.attributes["sections"] as Record<HeadSection, [number, number]>;
    this.#examples = (group.attributes["sizes"] as { example: number }).example;
    this.#fields = group.attributes["fields"] as { floats: Ranges<HeadFloat>; ints: Ranges<HeadInt> };
  }

  async head(index: number, signal?: AbortSignal): Promise<Head> {
    if (index >= this.record.n_heads) {
      throw new AtlasError(
        `${this.record.id} has no head ${index}`,
        `Its heads are ${this.record.id}/0 to ${this.record.id}/${this.record.n_heads - 1}`,
      );
    }
    const [floats, ints] = await Promise.all([this.group.chunk("head/floats", index, signal), this.group.chunk("head/ints", index, signal)]);
    return { index, floats: byName(this.#fields.floats, floats), ints: byName(this.#fields.ints, ints) };
  }

  /** The tokens of one example; those of neighbouring rows asked for in one tick share a request. */
  tokens(head: Head, row: number, signal?: AbortSignal): Promise<WindowTokens> {
    return this.group.chunk("windows/tokens", this.#row(head, row), signal);
  }

  async window(head: Head, row: number, signal?: AbortSignal): Promise<HeadWindow> {
    const at = this.#row(head, row);
    const [types, pairs, norms] = await Promise.all([
      this.group.chunk("windows/tokens", at, signal),
      this.group.chunk("windows/attention", at, signal),
      this.group.chunk("windows/norms", at, signal),
    ]);
    const length = head.ints.example_length[row] ?? 0;
    const looks = Array.from({ length }, (_, query) => looksOf(pairs, query, types.length));
    return { types: types.subarray(0, length), looks, norms: norms.subarray(0, length) };
  }

  #row(head: Head, row: number): number {
    return head.index * this.#examples + row;
  }
}

/** The filled slots of one query; keys lie before steps. */
function looksOf(pairs: Uint16Array, query: number, ctx: number): Look[] {
  const looks: Look[] = [];
  for (let slot = query * N_KEYS; slot < (query + 1) * N_KEYS; slot++) {
    const steps = pairs[ctx * N_KEYS + slot] ?? 0;
    if (steps > 0) looks.push({ key: pairs[slot] ?? 0, attention: steps / ATTENTION_STEPS });
  }
  return looks;
}
