/** A latent with all that its page shows. */
import { alone } from "../draw/glyphs.ts";
import { Atlas, type Vocabulary } from "../store/atlas.ts";
import type { Dictionary, Latent } from "../store/dictionary.ts";
import { AtlasError } from "../store/errors.ts";
import { remember } from "../store/remember.ts";
import { parseAddress } from "./address.ts";
import { headHref } from "./url.ts";

export interface Opened {
  atlas: Atlas;
  dictionary: Dictionary;
  vocabulary: Vocabulary;
  latent: Latent;
}

const atlases = new Map<string, Promise<Atlas>>();

/** An atlas, opened once. */
export function openAtlas(base: string): Promise<Atlas> {
  return remember(atlases, base, () => Atlas.open(base));
}

/** Reads the latent at an address; what was read before for another one is kept. A head has another page. */
export async function openLatent(base: string, root: string, at: string, signal: AbortSignal): Promise<Opened> {
  const address = parseAddress(at);
  if (address === null) {
    throw new AtlasError(
      at === "" ? "No latent was asked for" : `“${at}” is no address`,
      "An address is dictionary/index, as in mlp_post.2/17: type one above, or choose a dictionary",
    );
  }
  const atlas = await openAtlas(base);
  if (atlas.headsRecord(address.dictionary) !== undefined) return leaveFor(headHref(root, at.trim()));
  const vocabulary = atlas.vocabulary();
  const dictionary = atlas.dictionary(address.dictionary);
  const latent = dictionary.then((found) => found.latent(address.index, signal));
  const [v, d, l] = await Promise.all([vocabulary, dictionary, latent]);
  return { atlas, vocabulary: v, dictionary: d, latent: l };
}

/** Goes to another page of the site, along the same list; never comes back. */
export function leaveFor(href: string): Promise<never> {
  const along = new URLSearchParams(location.search).get("in");
  location.replace(along === null ? href : `${href}&in=${encodeURIComponent(along)}`);
  return new Promise(() => undefined);
}

/** The address and the token that the latent fires on most. */
export function titleOf(at: string, { latent, vocabulary, atlas }: Opened): string {
  const type = topToken(latent);
  const token = type === null ? "" : ` “${alone(vocabulary, type)}”`;
  return `${at}${token} · ${atlas.manifest.title}`;
}

/** The token type with most of a latent's activation mass; null if it never fires. */
export function topToken(latent: Latent): number | null {
  return (latent.ints.fires_on_count[0] ?? 0) > 0 ? (latent.ints.fires_on_token[0] ?? null) : null;
}
