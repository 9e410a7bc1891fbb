/** What the builder wrote into the page: where the atlas is, and which page this is. */
export interface SiteConfig {
  /** URL of the atlas that is shown, relative to the page or absolute. */
  atlas: string;
  /** The same, if it is not the site's own: the page's address names it, `?atlas=URL`. */
  foreign: string | null;
  /** Of the site's own atlas: path, below it, of the manifest that the page was rendered from. */
  manifest: string | null;
  /** Of that atlas: paths, below it, of the vocabulary and of what the addresses of its units begin with. */
  groups: Record<string, string>;
  /** Path from the page to the site's root, "" or "../". */
  root: string;
  page:
    | "overview"
    | "about"
    | "latent"
    | "dictionary"
    | "head"
    | "heads"
    | "finder"
    | "search"
    | "token"
    | "open"
    | "list"
    | "compare"
    | "comparison"
    | "patterns";
  /** The dictionary, or the layer's heads, that a page is of; null where the query says. */
  dictionary: string | null;
}

export function readConfig(): SiteConfig {
  const element = document.getElementById("site");
  if (element === null) throw new Error("the page has no configuration");
  const written = JSON.parse(element.textContent ?? "") as Omit<SiteConfig, "foreign">;
  const asked = new URLSearchParams(location.search).get("atlas");
  const named = asked === null ? null : absolute(asked);
  const foreign = named === absolute(written.atlas) ? null : named;
  return { ...written, atlas: foreign ?? written.atlas, foreign };
}

/** Where an atlas is, seen from this page. What is no URL stays as it is, to be refused by name. */
function absolute(text: string): string {
  const place = text.trim().replace(/\/(atlas\.json)?$/, "");
  return URL.canParse(place, location.href) ? new URL(place, location.href).href.replace(/\/+$/, "") : place;
}
