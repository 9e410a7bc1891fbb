/** A page in somebody's frame shows one pane: `?embed=1&show=PANE`; the examples' tab is then `tab=`. */

/** Panes that the page would have, for who asks for one that it has not. */
export const offered = new Set<string>();

/** The one pane that is shown; null on a whole page. */
export function embeddedPane(): string | null {
  const query = new URLSearchParams(location.search);
  return query.get("embed") === "1" ? (query.get("show") ?? "examples") : null;
}

/** The parameter that holds the tab of the examples. */
export function tabParameter(): "show" | "tab" {
  return embeddedPane() === null ? "show" : "tab";
}

/** The page as a frame of one pane, without header; links that leave it open a window of their own. */
export function embed(): void {
  document.documentElement.classList.add("embedded");
  const base = document.createElement("base");
  base.target = "_blank";
  document.head.append(base);
}

/** URL of this page as a frame of a pane, or of a frame as the whole page. */
export function reframed(pane: string | null): string {
  const url = new URL(location.href);
  const tab = url.searchParams.get(tabParameter());
  for (const name of ["embed", "show", "tab", "in"]) url.searchParams.delete(name);
  if (pane !== null) {
    url.searchParams.set("embed", "1");
    url.searchParams.set("show", pane);
  }
  if (tab !== null) url.searchParams.set(pane === null ? "show" : "tab", tab);
  url.hash = "";
  return url.href.replaceAll("%2F", "/").replaceAll("%3A", ":");
}
