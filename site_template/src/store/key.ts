/** The SAS token of a private atlas: kept in this tab, sent to that atlas alone, told nowhere. */
import { readConfig } from "../config.ts";

/** The URL to ask for: with the token, if there is one and the file is the atlas's. The page shows the URL without. */
export function keyed(url: string): string {
  const token = keyKept();
  return token !== null && url.startsWith(`${atlasHere()}/`) ? `${url}?${token}` : url;
}

/** Keeps what was pasted: a SAS token, or a URL that ends with one; whether it is one. */
export function keepKey(pasted: string): boolean {
  const token = new URLSearchParams(pasted.trim().replace(/^[^?]*\?/, ""));
  if (!token.get("sig") || !token.get("sv")) return false;
  sessionStorage.setItem(name(), token.toString());
  return true;
}

export function forgetKey(): void {
  sessionStorage.removeItem(name());
}

export function keyKept(): string | null {
  try {
    return sessionStorage.getItem(name());
  } catch {
    return null; // a browser set to keep nothing
  }
}

/** Whether the atlas is on another host, which may ask for a token where the site's own does not. */
export function isElsewhere(url: string): boolean {
  return new URL(url, location.href).origin !== location.origin;
}

function name(): string {
  return `key of ${atlasHere()}`;
}

function atlasHere(): string {
  const { atlas } = readConfig();
  return URL.canParse(atlas, location.href) ? new URL(atlas, location.href).href.replace(/\/+$/, "") : atlas;
}
