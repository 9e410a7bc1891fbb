import { render } from "preact";
import { readConfig } from "./config.ts";
import { DictionaryPage } from "./pages/dictionary.tsx";
import { HeadPage } from "./pages/head.tsx";
import { makeSortable } from "./pages/heads.ts";
import { LatentPage } from "./pages/latent.tsx";

const config = readConfig();
const pages = { latent: LatentPage, dictionary: DictionaryPage, head: HeadPage };
const place = document.getElementById("app");
if (config.page === "heads") {
  for (const table of document.querySelectorAll<HTMLTableElement>("table.sortable")) makeSortable(table);
} else if (place !== null) {
  const Page = config.page === "compare" ? (await import("./pages/compare.tsx")).ComparePage : pages[config.page];
  place.replaceChildren();
  render(<Page config={config} />, place);
}
