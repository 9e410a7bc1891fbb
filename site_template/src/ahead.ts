/**
 * What a page does while its other scripts are still on their way. A classic script that needs no other.
 *
 * In a frame of one pane it takes the rest away, so that nothing moves later. It asks for what is read first:
 * the manifest, then the metadata of the page's dictionary and of the vocabulary.
 * `fetch.ts` takes the answers up. What is wrong with one is told there, where it is read. Once the manifest is
 * taken, the scripts are there, and ask for the rest themselves.
 */
import { readConfig, type SiteConfig } from "./config.ts";
import { embed, embeddedPane } from "./state/embed.ts";
import { keyed } from "./store/key.ts";

interface Record {
  id: string;
  store: string;
}

const READING: readonly SiteConfig["page"][] = ["latent", "dictionary", "head"];

{
  const config = readConfig();
  if (embeddedPane() !== null) embed();
  // The URL of another's atlas is looked at before anything is asked of its host.
  const first = globalThis.ahead === undefined; // else the scripts were quicker
  globalThis.ahead ??= new Map();
  if (first && READING.includes(config.page) && config.foreign === null) readAhead(config).catch(() => undefined);
}

async function readAhead({ atlas, manifest: pinned, dictionary }: SiteConfig): Promise<void> {
  const base = atlas.replace(/\/+$/, "");
  const manifest = `${base}/${pinned ?? "atlas.json"}`;
  const answer = await ask(manifest, pinned === null ? "no-cache" : "default");
  const { run, dictionaries, heads = [] } = (await answer.clone().json()) as { run: string; dictionaries: Record[]; heads?: Record[] };
  if (!globalThis.ahead?.has(manifest)) return;
  const id = dictionary ?? new URLSearchParams(location.search).get("at")?.trim().split("/")[0];
  const found = [...dictionaries, ...heads].find((each) => each.id === id);
  const groups = ["vocabulary.zarr", ...(found === undefined ? [] : [found.store])];
  await Promise.all(groups.map((group) => ask(`${base}/runs/${run}/${group}/zarr.json`, "default")));
}

function ask(url: string, cache: RequestCache): Promise<Response> {
  const answer = fetch(keyed(url), { cache, credentials: "same-origin" });
  globalThis.ahead?.set(url, answer);
  return answer;
}

declare global {
  /** Answers that were asked for ahead, by URL, each to be taken once. */
  var ahead: Map<string, Promise<Response>> | undefined;
}
