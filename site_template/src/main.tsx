import { render } from "preact";
import { readConfig } from "./config.ts";
import { DictionaryPage } from "./pages/dictionary.tsx";
import { HeadPage } from "./pages/head.tsx";
import { makeSortable } from "./pages/heads.ts";
import { LatentPage } from "./pages/latent.tsx";

const config = readConfig();
const pages = { latent: LatentPage, dictionary: DictionaryPage, head: HeadPage };
const place = document.getElementById("app");
for (const table of document.querySelectorAll<HTMLTableElement>("table.sortable")) makeSortable(table);
if (config.page !== "heads" && place !== null) {
  const Page = config.page === "finder" ? (await import("./pages/finder.tsx")).FinderPage : pages[config.page];
  place.replaceChildren();
  render(<Page config={config} />, place);
}
