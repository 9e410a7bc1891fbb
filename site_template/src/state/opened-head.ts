/** A head with all that its page shows but the windows. */
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import { AtlasError } from "../store/errors.ts";
import type { Head, Heads } from "../store/heads.ts";
import { parseAddress } from "./address.ts";
import { leaveFor, openAtlas } from "./opened.ts";
import { latentHref } from "./url.ts";

export interface OpenedHead {
  atlas: Atlas;
  heads: Heads;
  vocabulary: Vocabulary;
  head: Head;
}

/** Reads the head at an address; what was read before for another one is kept. A latent has another page. */
export async function openHead(base: string, root: string, at: string, signal: AbortSignal): Promise<OpenedHead> {
  const address = parseAddress(at);
  if (address === null) {
    throw new AtlasError(
      at === "" ? "No head was asked for" : `“${at}” is no address`,
      "The address of a head is attn.layer/head, as in attn.2/1: type one above, or choose a layer",
    );
  }
  const atlas = await openAtlas(base);
  if (atlas.manifest.dictionaries.some(({ id }) => id === address.dictionary)) return leaveFor(latentHref(root, at.trim()));
  const vocabulary = atlas.vocabulary();
  const heads = atlas.heads(address.dictionary);
  const head = heads.then((found) => found.head(address.index, signal));
  const [v, all, h] = await Promise.all([vocabulary, heads, head]);
  return { atlas, vocabulary: v, heads: all, head: h };
}
