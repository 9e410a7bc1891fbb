/** What the builder wrote into the page: where the atlas is, and which page this is. */
export interface SiteConfig {
  /** URL of the atlas, relative to the page. */
  atlas: string;
  /** Path from the page to the site's root, "" or "../". */
  root: string;
  page: "latent" | "dictionary" | "head" | "heads" | "compare" | "comparison";
  /** The dictionary that a dictionary page shows. */
  dictionary: string | null;
}

export function readConfig(): SiteConfig {
  const element = document.getElementById("site");
  if (element === null) throw new Error("the page has no configuration");
  return JSON.parse(element.textContent ?? "") as SiteConfig;
}
