import { readConfig } from "../config.ts";
import { AtlasError } from "./errors.ts";
import { fetchWhole } from "./fetch.ts";
import { checkForeign, isForeign } from "./foreign.ts";
import { isElsewhere } from "./key.ts";
import { FORMAT, FORMAT_VERSION } from "./schema.gen.ts";
import { misfit } from "./shape.ts";

export interface DictionaryRecord {
  id: string;
  kind: "neurons" | "sae" | "transcoder";
  architecture: string;
  hook_in: string;
  hook_out: string;
  n_latents: number;
  /** Latents that fire at all. */
  alive: number;
  two_signed: boolean;
  source: string;
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
  format: string;
  format_version: number;
  run: string;
  /** The run that was built, if labels were added since. */
  labelled_from?: string | null;
  title: string;
  created: string;
  n_bytes: number;
  model: { name: string; architecture: string; n_layers: number; n_heads: number; d_model: number; n_parameters: number };
  /** `terms` and `excluded` are missing in older atlases. */
  corpus: { sources: string[]; n_documents: number; terms?: { source: string; licence: string }[]; excluded?: number };
  windowing: { counted_tokens: number; ctx: number; stride: number; bos_token_id: number | null };
  dictionaries: DictionaryRecord[];
  /** Missing in atlases made before heads were described. */
  heads?: HeadsRecord[];
  /** Missing or null in atlases made before there was one. */
  token_index?: string | null;
  search_index?: string | null;
}

/** What every manifest must hold, with a value of the right kind. */
const SHAPE = {
  run: "",
  title: "",
  created: "",
  n_bytes: 0,
  model: { name: "", architecture: "", n_layers: 0, n_heads: 0, d_model: 0, n_parameters: 0 },
  corpus: { sources: [""], n_documents: 0 },
  windowing: { counted_tokens: 0, ctx: 0, stride: 0 },
  dictionaries: [{ id: "", kind: "", architecture: "", hook_in: "", hook_out: "", n_latents: 0, alive: 0, two_signed: false, source: "", store: "" }],
} as const;

export async function openManifest(base: string): Promise<Manifest> {
  const foreign = isForeign();
  if (foreign) checkForeign(base);
  const pinned = pinnedTo(base);
  const url = `${base}/${pinned ?? "atlas.json"}`;
  const bytes = await fetchWhole(url, pinned === null ? { cache: "no-cache" } : {});
  if (bytes === undefined && pinned !== null) {
    throw new AtlasError("this page was rendered from an atlas that is no longer here", "Load the page again. On your own machine, render the site again: atlas site");
  }
  if (bytes === undefined) {
    throw new AtlasError(
      `there is no atlas at ${base}`,
      foreign
        ? "An atlas is the folder that holds atlas.json; of a site that was made with one it is SITE/atlas"
        : "Copy the site whole, or build the atlas (atlas build) and render the site again (atlas site)",
      { locked: isElsewhere(url) },
    );
  }
  const manifest = parse(bytes, url);
  if (manifest?.format !== FORMAT) throw new AtlasError(`${url} is not an atlas`, "Check the address of the atlas");
  if (manifest.format_version !== FORMAT_VERSION) {
    throw new AtlasError(
      `this atlas has format version ${manifest.format_version}; this page reads version ${FORMAT_VERSION}`,
      foreign ? "Open it with a site of that version: the one it came with" : "Render the site again with the program that made the atlas: atlas site",
    );
  }
  const wrong = misfit(manifest, SHAPE);
  if (wrong !== null) throw new AtlasError(`${url} is no whole manifest: ${wrong} is missing or of a wrong kind`, "The copy is damaged: copy the atlas again");
  return manifest;
}

/** The manifest that the site's own pages belong to, by its path below the atlas: never another's numbers on a page. */
function pinnedTo(base: string): string | null {
  const { atlas, foreign, manifest } = readConfig();
  return foreign === null && base === atlas.replace(/\/+$/, "") ? manifest : null;
}

function parse(bytes: Uint8Array, url: string): Manifest {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Manifest;
  } catch (error) {
    const remedy = isForeign() ? "Check the address: it is that of the folder with atlas.json" : "The copy is damaged: copy the atlas again";
    throw new AtlasError(`${url} is not JSON`, remedy, { cause: error });
  }
}
