/** What a list tells of a latent or a head. */
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Preview } from "../store/dictionary.ts";
import { AtlasError } from "../store/errors.ts";
import type { Head } from "../store/heads.ts";
import { remember } from "../store/remember.ts";
import type { Stat } from "../store/schema.gen.ts";
import { parseAddress } from "./address.ts";

export interface Glance {
  vocabulary: Vocabulary;
  /** The token type that it fires on most, or looks at most. */
  type: number | null;
  label: string;
  /** Of a latent. */
  density: number | null;
  preview: Preview | null;
  /** Of a head. */
  head: Head | null;
}

const columns = new WeakMap<Dictionary, Map<Stat, Promise<Float32Array | Uint32Array>>>();

export async function glance(atlas: Atlas, address: string): Promise<Glance> {
  const parsed = parseAddress(address);
  if (parsed === null) throw new AtlasError(`“${address}” is no address`, "Take it off the list");
  const vocabulary = await atlas.vocabulary();
  if (atlas.headsRecord(parsed.dictionary) !== undefined) {
    const head = await (await atlas.heads(parsed.dictionary)).head(parsed.index);
    return { vocabulary, head, type: head.ints.key_token[0] ?? null, label: "", density: null, preview: null };
  }
  const dictionary = await atlas.dictionary(parsed.dictionary);
  if (parsed.index >= dictionary.record.n_latents) throw new AtlasError(`${parsed.dictionary} has no latent ${parsed.index}`, "Take it off the list");
  const [density, top, preview, label] = await Promise.all([
    column(dictionary, "density", parsed.index),
    column(dictionary, "top_token", parsed.index),
    dictionary.preview(parsed.index),
    dictionary.label(parsed.index),
  ]);
  return { vocabulary, head: null, type: density > 0 ? top : null, label, density, preview };
}

/** One value of a column that is read whole, once. */
async function column(dictionary: Dictionary, stat: Stat, index: number): Promise<number> {
  const known = columns.get(dictionary) ?? new Map<Stat, Promise<Float32Array | Uint32Array>>();
  columns.set(dictionary, known);
  return (await remember(known, stat, () => dictionary.stat(stat)))[index] ?? 0;
}
