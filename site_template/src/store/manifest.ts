import { AtlasError } from "./errors.ts";
import { fetchWhole } from "./fetch.ts";
import { FORMAT, FORMAT_VERSION } from "./schema.gen.ts";

export interface DictionaryRecord {
  id: string;
  kind: "neurons" | "sae" | "transcoder";
  n_latents: number;
  two_signed: boolean;
  store: string;
}

/** The heads of one layer. */
export interface HeadsRecord {
  id: string;
  layer: number;
  n_heads: number;
  rotary: boolean;
  store: string;
}

/** What the pages need of `atlas.json`. */
export interface Manifest {
  model: { n_heads: number };
  format: string;
  format_version: number;
  run: string;
  title: string;
  windowing: { counted_tokens: number; ctx: number; stride: number; bos_token_id: number | null };
  /** `terms` and `excluded` are missing in older atlases. */
  corpus?: { terms?: { source: string; licence: string }[]; excluded?: number };
  dictionaries: DictionaryRecord[];
  /** Missing in atlases made before heads were described. */
  heads?: HeadsRecord[];
  /** Missing or null in atlases made before there was one. */
  token_index?: string | null;
  search_index?: string | null;
}

export async function openManifest(base: string): Promise<Manifest> {
  const url = `${base}/atlas.json`;
  const bytes = await fetchWhole(url, { cache: "no-cache" });
  if (bytes === undefined) {
    throw new AtlasError(
      `there is no atlas at ${base}`,
      "Copy the site whole, or build the atlas (atlas build) and render the site again (atlas site)",
    );
  }
  const manifest = parse(bytes, url);
  if (manifest.format !== FORMAT) throw new AtlasError(`${url} is not an atlas`, "Check the address of the atlas");
  if (manifest.format_version !== FORMAT_VERSION) {
    throw new AtlasError(
      `this atlas has format version ${manifest.format_version}; this page reads version ${FORMAT_VERSION}`,
      "Render the site again with the program that made the atlas: atlas site",
    );
  }
  return manifest;
}

function parse(bytes: Uint8Array, url: string): Manifest {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Manifest;
  } catch (error) {
    throw new AtlasError(`${url} is not JSON`, "The copy is damaged: copy the atlas again", { cause: error });
  }
}
