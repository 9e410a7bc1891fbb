import { useEffect, useState } from "preact/hooks";

export type Changes = Record<string, string | null>;

/** The query string is the state: what is at its default is left out. */
export function useQuery(): [URLSearchParams, (changes: Changes, how?: "push" | "replace") => void] {
  const [search, setSearch] = useState(location.search);
  useEffect(() => {
    const follow = () => setSearch(location.search);
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);
  const change = (changes: Changes, how: "push" | "replace" = "push") => {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) query.delete(name);
      else query.set(name, value);
    }
    const text = legible(query.toString());
    history[how === "push" ? "pushState" : "replaceState"](null, "", text ? `?${text}` : location.pathname);
    setSearch(location.search);
  };
  return [new URLSearchParams(search), change];
}

/** What is legal in a query as it is keeps addresses legible. */
function legible(encoded: string): string {
  return encoded.replaceAll("%2F", "/").replaceAll("%3A", ":");
}

/** The link with the atlas that this page's address names, if it names one. */
export function carried(href: string): string {
  const atlas = new URLSearchParams(location.search).get("atlas");
  if (atlas === null) return href;
  const [path = "", fragment] = href.split("#");
  const joint = path.includes("?") ? "&" : "?";
  return `${path}${joint}atlas=${legible(encodeURIComponent(atlas))}${fragment === undefined ? "" : `#${fragment}`}`;
}

/** Whether the page shows an atlas that was opened by its URL, for which no pages were written. */
function isOpened(): boolean {
  return new URLSearchParams(location.search).has("atlas");
}

/** Where a latent is shown, from a page whose way to the site's root is `root`. */
export function latentHref(root: string, address: string): string {
  return carried(`${root}latent.html?at=${legible(encodeURIComponent(address))}`);
}

export function headHref(root: string, address: string): string {
  return carried(`${root}head.html?at=${legible(encodeURIComponent(address))}`);
}

/** The page of a latent or of a head, by what layers of heads are called. */
export function anyHref(root: string, address: string): string {
  return (/^attn\.\d+\//.test(address) ? headHref : latentHref)(root, address);
}

/** Where the heads of a layer are listed: a page was written only for those of the site's own atlas. */
export function headsHref(root: string, id: string): string {
  return isOpened() ? carried(`${root}open.html#${encodeURIComponent(id)}`) : `${root}heads/${encodeURIComponent(id)}.html`;
}

/** All heads at a glance; a page was written only for those of the site's own atlas. */
export function finderHref(root: string): string {
  return isOpened() ? overviewHref(root) : `${root}heads.html`;
}

export function dictionaryHref(root: string, id: string): string {
  return isOpened() ? carried(`${root}dictionary.html?at=${encodeURIComponent(id)}`) : `${root}dictionary/${encodeURIComponent(id)}.html`;
}

/** The overview of the atlas shown. */
export function overviewHref(root: string): string {
  return isOpened() ? carried(`${root}open.html`) : `${root}index.html`;
}

/** Where a field of a head is defined. */
export function headDefinitionHref(root: string, field: string): string {
  return carried(`${root}about.html#head-${field}`);
}

/** Where a statistic is defined. */
export function definitionHref(root: string, field: string): string {
  return carried(`${root}about.html#${field}`);
}

/** Where a token type is shown. */
export function tokenHref(root: string, type: number): string {
  return carried(`${root}token.html?t=${type}`);
}

/** Where all that a text finds is shown. */
export function searchHref(root: string, query: string): string {
  return carried(`${root}search.html?q=${encodeURIComponent(query)}`);
}

/** Where two latents are compared; without `b` the page suggests one. `elsewhere` are atlases other than the site's. */
export function compareHref(root: string, a: string, b = "", elsewhere: Record<string, string> = {}): string {
  const query = new URLSearchParams(Object.entries({ a, b, ...elsewhere }).filter(([, value]) => value !== ""));
  return carried(`${root}compare.html?${legible(query.toString())}`);
}
