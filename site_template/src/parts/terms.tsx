import { definitionHref } from "../state/url.ts";
import type { Atlas } from "../store/atlas.ts";

/** Under what licence the excerpts are, in a line that leads to the whole. */
export function Terms({ atlas, root }: { atlas: Atlas; root: string }) {
  const { terms = [], excluded = 0 } = atlas.manifest.corpus;
  const told = terms.map(({ source, licence }) => `${source} (${licence})`).join(", ");
  return (
    <p class="terms">
      Excerpts: {told || "under the licence of their sources"}.{excluded > 0 && " Some documents are left out."} <a href={definitionHref(root, "text")}>About the text</a>
    </p>
  );
}

/** Why a section of examples is empty. */
export function noExample(atlas: Atlas): string {
  const because = atlas.manifest.corpus.excluded ? ", or only in documents that are left out" : "";
  return `No example: it has no such firings${because}.`;
}
