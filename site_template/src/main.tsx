import { render } from "preact";
import { readConfig } from "./config.ts";
import { DictionaryPage } from "./pages/dictionary.tsx";
import { HeadPage } from "./pages/head.tsx";
import { makeSortable } from "./pages/heads.ts";
import { LatentPage } from "./pages/latent.tsx";
import "./search.ts";

const config = readConfig();
const pages = {
  latent: async () => LatentPage,
  dictionary: async () => DictionaryPage,
  head: async () => HeadPage,
  finder: async () => (await import("./pages/finder.tsx")).FinderPage,
  search: async () => (await import("./pages/search.tsx")).SearchPage,
  token: async () => (await import("./pages/token.tsx")).TokenPage,
};
const place = document.getElementById("app");
for (const table of document.querySelectorAll<HTMLTableElement>("table.sortable")) makeSortable(table);
if (place !== null && config.page !== "heads" && config.page !== "plain") {
  const Page = await pages[config.page]();
  place.replaceChildren();
  render(<Page config={config} />, place);
}
