import { type ComponentType, render } from "preact";
import { readConfig, type SiteConfig } from "./config.ts";
import { AnyDictionary } from "./pages/any-dictionary.tsx";
import { DictionaryPage } from "./pages/dictionary.tsx";
import { foreignPage, showForeign } from "./pages/foreign.tsx";
import { HeadPage } from "./pages/head.tsx";
import { makeSortable } from "./pages/heads.ts";
import { LatentPage } from "./pages/latent.tsx";
import { followStars } from "./pages/stars.ts";
import { Guard } from "./parts/guard.tsx";
import "./search.ts";

type Page = ComponentType<{ config: SiteConfig }>;

const config = readConfig();
const pages: Record<SiteConfig["page"], (() => Page | Promise<Page>) | null> = {
  overview: null,
  about: null,
  heads: null,
  latent: () => LatentPage,
  dictionary: () => (config.dictionary === null ? AnyDictionary : DictionaryPage),
  head: () => HeadPage,
  finder: () => import("./more.ts").then(({ FinderPage }) => FinderPage),
  search: () => import("./more.ts").then(({ SearchPage }) => SearchPage),
  token: () => import("./more.ts").then(({ TokenPage }) => TokenPage),
  compare: () => import("./more.ts").then(({ ComparePage }) => ComparePage),
  comparison: () => import("./more.ts").then(({ ComparisonPage }) => ComparisonPage),
  patterns: () => import("./more.ts").then(({ PatternsPage }) => PatternsPage),
  list: () => import("./more.ts").then(({ ListPage }) => ListPage),
  open: () => import("./more.ts").then(({ OpenPage }) => OpenPage),
};

async function start(): Promise<void> {
  for (const table of document.querySelectorAll<HTMLTableElement>("table.sortable")) makeSortable(table);
  if (config.foreign !== null) showForeign(config);
  followStars();
  const made = pages[config.page]?.();
  const place = document.getElementById("app");
  if (made === undefined || place === null) return;
  const Page = made instanceof Promise ? await made : made;
  place.replaceChildren();
  render(
    <Guard>
      <Page config={config} />
    </Guard>,
    place,
  );
}

const elsewhere = foreignPage(config);
if (elsewhere === null) void start();
else location.replace(elsewhere);
