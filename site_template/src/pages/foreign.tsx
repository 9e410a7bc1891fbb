/** A site's pages around an atlas that is not its own. */
import { render } from "preact";
import type { SiteConfig } from "../config.ts";
import { useLoadable } from "../state/loadable.ts";
import { openAtlas } from "../state/opened.ts";
import { carried, dictionaryHref, headsHref, overviewHref } from "../state/url.ts";
import type { Manifest } from "../store/manifest.ts";

/** Where a foreign atlas is shown instead, if this page was written for the site's own; else null. */
export function foreignPage({ page, foreign, root, dictionary }: SiteConfig): string | null {
  if (foreign === null) return null;
  const query = new URLSearchParams(location.search);
  query.set("atlas", foreign);
  if (["overview", "finder", "comparison", "patterns"].includes(page)) return `${root}open.html?${query}`;
  if (page === "heads") return `${root}open.html?${query}#${dictionary}`;
  if (page !== "dictionary" || dictionary === null) return null;
  query.set("at", dictionary);
  return `${root}dictionary.html?${query}${location.hash}`;
}

/** Says whose atlas it is, and turns the links that were written for the site's own. */
export function showForeign({ atlas, foreign, root }: SiteConfig): void {
  const name = document.querySelector<HTMLAnchorElement>(".top .name");
  const own = name?.textContent ?? "";
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[href*='.html']")) link.href = carried(link.getAttribute("href") ?? "");
  for (const element of document.querySelectorAll<HTMLElement>("[data-own]")) element.hidden = true;
  for (const element of document.querySelectorAll<HTMLElement>("[data-foreign]")) element.hidden = false;
  const banner = document.createElement("div");
  document.querySelector(".top")?.after(banner);
  render(<Banner place={foreign ?? ""} {...{ own, root, atlas }} />, banner);
  const menu = document.querySelector(".top .menu ul");
  menu?.replaceChildren();
  if (name) {
    name.textContent = "another atlas";
    name.href = overviewHref(root);
  }
  document.title = document.title.replace(own, "another atlas");
  openAtlas(atlas).then(
    ({ manifest }) => {
      if (name) name.textContent = manifest.title;
      if (menu) render(<Menu manifest={manifest} root={root} />, menu);
      document.title = document.title.replace("another atlas", manifest.title);
    },
    // The banner says so, and what the page shows says why.
    () => undefined,
  );
}

/** From where the atlas is, and the way back. */
function Banner({ place, own, root, atlas }: { place: string; own: string; root: string; atlas: string }) {
  const opened = useLoadable(atlas, () => openAtlas(atlas));
  return (
    <aside class="foreign" aria-label="another atlas">
      {opened.state === "failed" ? "Can’t be opened: " : "Not this site’s own atlas, but one read from "}
      <b>{hostOf(place)}</b> <span class="quiet">{place}</span>{" "}
      <a href={`${root}index.html`}>back to {own}</a>
    </aside>
  );
}

function hostOf(place: string): string {
  return (URL.canParse(place) && new URL(place).host) || place;
}

function Menu({ manifest, root }: { manifest: Manifest; root: string }) {
  const link = (id: string, href: string) => (
    <li key={id}>
      <a href={href}>{id}</a>
    </li>
  );
  return (
    <>
      {manifest.dictionaries.map(({ id }) => link(id, dictionaryHref(root, id)))}
      {(manifest.heads ?? []).map(({ id }) => link(id, headsHref(root, id)))}
    </>
  );
}
