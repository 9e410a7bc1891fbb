/**
 * What a page does while its other scripts are still on their way. A classic script that needs no other.
 *
 * In a frame of one pane it takes the rest away, so that nothing moves later. It asks for what is read first:
 * the manifest, and the metadata of the page's dictionary and of the vocabulary.
 *
 * `fetch.ts` takes the answers up. What is wrong with one is told there, where it is read.
 */
import { readConfig, type SiteConfig } from "./config.ts";
import { embed, embeddedPane } from "./state/embed.ts";
import { keyed } from "./store/key.ts";

const READING: readonly SiteConfig["page"][] = ["latent", "dictionary", "head"];

{
  const config = readConfig();
  if (embeddedPane() !== null) embed();
  const first = globalThis.ahead === undefined; // else the scripts were quicker
  globalThis.ahead ??= new Map();
  // The URL of another's atlas is looked at before anything is asked of its host.
  if (first && READING.includes(config.page) && config.foreign === null) readAhead(config);
}

function readAhead({ atlas, manifest, groups, dictionary }: SiteConfig): void {
  const base = atlas.replace(/\/+$/, "");
  const id = dictionary ?? new URLSearchParams(location.search).get("at")?.trim().split("/")[0] ?? "";
  if (manifest === null) ask(`${base}/atlas.json`, "no-cache");
  else for (const path of [manifest, ...metadata(groups, "vocabulary"), ...metadata(groups, id)]) ask(`${base}/${path}`, "default");
}

function metadata(groups: SiteConfig["groups"], name: string): string[] {
  return Object.hasOwn(groups, name) ? [`${groups[name]}/zarr.json`] : [];
}

function ask(url: string, cache: RequestCache): void {
  const answer = fetch(keyed(url), { cache, credentials: "same-origin" });
  answer.catch(() => undefined);
  globalThis.ahead?.set(url, answer);
}

declare global {
  /** Answers that were asked for ahead, by URL, each to be taken once. */
  var ahead: Map<string, Promise<Response>> | undefined;
}
