import { render } from "preact";
import { readConfig } from "./config.ts";
import { DictionaryPage } from "./pages/dictionary.tsx";
import { HeadPage } from "./pages/head.tsx";
import { makeSortable } from "./pages/heads.ts";
import { LatentPage } from "./pages/latent.tsx";

const config = readConfig();
const pages = { latent: LatentPage, dictionary: DictionaryPage, head: HeadPage };
/** Pages that few open: their scripts are fetched by these alone. */
async function lazily(page: string) {
  if (page === "compare") return (await import("./pages/compare.tsx")).ComparePage;
  return (await import("./pages/comparison.tsx")).ComparisonPage;
}
const place = document.getElementById("app");
if (config.page === "heads") {
  for (const table of document.querySelectorAll<HTMLTableElement>("table.sortable")) makeSortable(table);
} else if (place !== null) {
  const Page = config.page in pages ? pages[config.page as keyof typeof pages] : await lazily(config.page);
  place.replaceChildren();
  render(<Page config={config} />, place);
}
