/** Bytes over HTTP: whole files and absolute ranges, each checked. */
import { AtlasError, INCOMPLETE } from "./errors.ts";

const HOST =
  "The host must serve the atlas beside the site, answer byte ranges and not compress them (for another origin: CORS with GET and the Range header). On this machine: atlas serve SITE";

/** What was read since the page was opened, for those who wait. */
export const traffic = { requests: 0, bytes: 0, latest: "" };

interface Options {
  signal?: AbortSignal;
  cache?: RequestCache;
}

/** A whole file; undefined if the host says that there is none. */
export async function fetchWhole(url: string, options: Options = {}): Promise<Uint8Array | undefined> {
  const response = await request(url, options);
  if (response.status === 404 || response.status === 410) return undefined;
  if (!response.ok) throw new AtlasError(`${url}: the host answered ${response.status}`, HOST);
  return body(response);
}

/** Bytes [offset, offset + length) of a file that is known to be there. */
export async function fetchRange(url: string, offset: number, length: number, options: Options = {}): Promise<Uint8Array> {
  const response = await request(url, { ...options, headers: { Range: `bytes=${offset}-${offset + length - 1}` } });
  if (response.status === 200) {
    await response.body?.cancel();
    throw new AtlasError(`${url}: the host ignores byte ranges`, HOST);
  }
  if (response.status !== 206) {
    throw new AtlasError(`${url} is part of the atlas, but the host answered ${response.status}`, INCOMPLETE);
  }
  const bytes = await body(response);
  if (bytes.length !== length) throw new AtlasError(`${url}: asked for ${length} bytes, got ${bytes.length}`, HOST);
  return bytes;
}

async function request(url: string, init: RequestInit): Promise<Response> {
  traffic.requests += 1;
  traffic.latest = url;
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException) throw error;
    const offline = navigator.onLine ? "" : "This device is offline. ";
    throw new AtlasError(`can’t reach ${url}`, `${offline}${HOST}`, { cause: error });
  }
}

async function body(response: Response): Promise<Uint8Array> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  traffic.bytes += bytes.length;
  return bytes;
}
