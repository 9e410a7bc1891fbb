import { render } from "preact";
import { readConfig } from "./config.ts";
import { DictionaryPage } from "./pages/dictionary.tsx";
import { LatentPage } from "./pages/latent.tsx";

const config = readConfig();
const place = document.getElementById("app");
if (place !== null) {
  place.replaceChildren();
  render(config.page === "latent" ? <LatentPage config={config} /> : <DictionaryPage config={config} />, place);
}
