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
    // "/" is legal in a query and keeps addresses legible.
    const text = query.toString().replaceAll("%2F", "/");
    history[how === "push" ? "pushState" : "replaceState"](null, "", text ? `?${text}` : location.pathname);
    setSearch(location.search);
  };
  return [new URLSearchParams(search), change];
}

/** Where a latent is shown, from a page whose way to the site's root is `root`. */
export function latentHref(root: string, address: string): string {
  return `${root}latent.html?at=${encodeURIComponent(address).replaceAll("%2F", "/")}`;
}

export function headHref(root: string, address: string): string {
  return `${root}head.html?at=${encodeURIComponent(address).replaceAll("%2F", "/")}`;
}

/** Where the heads of a layer are listed. */
export function headsHref(root: string, id: string): string {
  return `${root}heads/${encodeURIComponent(id)}.html`;
}

export function dictionaryHref(root: string, id: string): string {
  return `${root}dictionary/${encodeURIComponent(id)}.html`;
}

/** Where a field of a head is defined. */
export function headDefinitionHref(root: string, field: string): string {
  return `${root}about.html#head-${field}`;
}

/** Where a statistic is defined. */
export function definitionHref(root: string, field: string): string {
  return `${root}about.html#${field}`;
}

/** Where a token type is shown. */
export function tokenHref(root: string, type: number): string {
  return `${root}token.html?t=${type}`;
}

/** Where all that a text finds is shown. */
export function searchHref(root: string, query: string): string {
  return `${root}search.html?q=${encodeURIComponent(query)}`;
}
