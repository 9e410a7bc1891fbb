/** Atlases of other hosts: which are opened at all, and what their host must do. */
import { readConfig } from "../config.ts";
import { AtlasError } from "./errors.ts";

/** Where a page may read over http: browsers trust this machine without encryption. */
const LOCAL = ["localhost", "127.0.0.1"];

/** What any host must do so that pages of other sites can read an atlas there. */
export const NEEDS: readonly (readonly [header: string, why: string])[] = [
  ["Access-Control-Allow-Origin: *", "lets the pages of other sites read it; the site’s own origin in place of * will do"],
  ["Access-Control-Allow-Headers: Range", "lets them ask for parts of files"],
  ["Access-Control-Expose-Headers: Content-Range, Content-Length, Content-Encoding", "lets them say what is wrong if something is"],
  ["206 Partial Content", "is the answer to a byte range: of a file of megabytes a page reads kilobytes"],
  ["no Content-Encoding", "chunks are packed already; a host that compresses on the fly cuts the wrong bytes"],
];

/** Whether the page shows an atlas that is not the site's own. */
export function isForeign(): boolean {
  return readConfig().foreign !== null;
}

/** Refuses what no page should read, or no browser would, before anything is asked of any host. */
export function checkForeign(place: string): void {
  const refuse = (why: string, remedy: string): never => {
    throw new AtlasError(`the atlas “${place}” is not opened: ${why}`, remedy);
  };
  if (!URL.canParse(place)) refuse("this is no URL", "Give the URL of its folder, as in https://example.org/atlas");
  const url = new URL(place);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    refuse(`it is neither https nor http, but ${url.protocol}`, "Serve its folder; on this machine: atlas serve SITE");
  }
  if (url.username !== "" || url.password !== "") {
    refuse("its URL holds a name or a password", "Who has a link has what stands in it: put the atlas where it needs none");
  }
  if (url.search !== "" || url.hash !== "") {
    refuse("its URL holds a ? or a #", "Give the URL of its folder alone: if it is private the page asks for a key, which no link should hold");
  }
  if (url.protocol === "https:" || url.origin === location.origin || LOCAL.includes(url.hostname)) return;
  if (location.protocol === "https:") {
    refuse("its host is http, and browsers let no https page read from there", "Put it on https, or open it with a site on your own machine: atlas serve SITE");
  }
  refuse("its host is http", "Pages read from other hosts over https, and from this machine over http: put it on https");
}
