import type { SiteConfig } from "../config.ts";
import { parseAddress } from "./address.ts";

/** The dictionary, or layer of heads, that the page shows. */
export function shownHere(config: SiteConfig): string | null {
  return config.dictionary ?? parseAddress(new URLSearchParams(location.search).get("at") ?? "")?.dictionary ?? null;
}
