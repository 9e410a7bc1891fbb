/** Bytes over HTTP: whole files and absolute ranges, each checked. */
import { AtlasError, INCOMPLETE } from "./errors.ts";
import { isForeign } from "./foreign.ts";
import { isElsewhere, keyed } from "./key.ts";

const HOST = "The host must serve the atlas beside the site. On this machine: atlas serve SITE";
const OPEN = "The host must let anybody read the atlas, or you need a key";
const RANGES = "The host must answer a byte range with 206 and just these bytes, as most static hosts do. On this machine: atlas serve SITE";
const PACKED = "Set the host not to compress the atlas on the fly (Content-Encoding): its chunks are packed already, and ranges of packed files are other bytes";
/** Of a failed request to another origin a browser tells only that it failed. */
const CORS =
  "Either the host can’t be reached, or it does not let this site read: a browser does not tell which. It must answer with Access-Control-Allow-Origin: * (or ORIGIN), allow the header Range (Access-Control-Allow-Headers) and expose Content-Range and Content-Length (Access-Control-Expose-Headers)";

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
  if (!response.ok) throw new AtlasError(`${url}: the host answered ${response.status}`, isElsewhere(url) ? OPEN : HOST, { locked: isLocked(url, response) });
  return body(url, response);
}

/** Bytes [offset, offset + length) of a file that is known to be there. */
export async function fetchRange(url: string, offset: number, length: number, options: Options = {}): Promise<Uint8Array> {
  const response = await request(url, { ...options, headers: { Range: `bytes=${offset}-${offset + length - 1}` } });
  if (response.status === 200) {
    await response.body?.cancel();
    throw new AtlasError(`${url}: the host ignores byte ranges: it sends the whole file`, RANGES);
  }
  if (response.status !== 206) {
    throw new AtlasError(`${url} is part of the atlas, but the host answered ${response.status}`, INCOMPLETE, { locked: isLocked(url, response) });
  }
  const packing = response.headers.get("content-encoding");
  if (packing !== null && packing !== "identity") throw new AtlasError(`${url}: the host compresses byte ranges (${packing})`, PACKED);
  const bytes = await body(url, response);
  if (bytes.length !== length) throw new AtlasError(`${url}: asked for ${length} bytes, got ${bytes.length}`, PACKED);
  return bytes;
}

globalThis.ahead ??= new Map();

/** What was asked for ahead; a second time it is asked for anew. */
function taken(url: string): Promise<Response> | undefined {
  const answer = globalThis.ahead?.get(url);
  globalThis.ahead?.delete(url);
  return answer;
}

async function request(url: string, init: RequestInit): Promise<Response> {
  traffic.requests += 1;
  traffic.latest = url;
  try {
    // Another's atlas gets no cookies, not even on this origin.
    return await (taken(url) ?? fetch(keyed(url), { ...init, credentials: isForeign() ? "omit" : "same-origin" }));
  } catch (error) {
    if (error instanceof DOMException) throw error;
    const offline = navigator.onLine ? "" : "This device is offline. ";
    const elsewhere = isElsewhere(url);
    // A range of a packed file can't be unpacked, of which a browser tells as little as of CORS.
    if (init.headers !== undefined && traffic.bytes > 0 && navigator.onLine) {
      throw new AtlasError(`can’t read a part of ${url}`, `Whole files were read, so the host is there. Either it compresses byte ranges, or it refuses the header Range. ${PACKED}; and allow Range (Access-Control-Allow-Headers)`, { cause: error });
    }
    const remedy = elsewhere ? CORS.replace("ORIGIN", location.origin) : HOST;
    throw new AtlasError(`can’t reach ${url}`, `${offline}${remedy}`, { cause: error, locked: elsewhere && navigator.onLine });
  }
}

/** Azure says 409 where no stranger may read anything. */
function isLocked(url: string, { status }: Response): boolean {
  return isElsewhere(url) && [401, 403, 409].includes(status);
}

async function body(url: string, response: Response): Promise<Uint8Array> {
  const bytes = new Uint8Array(await response.arrayBuffer().catch((error: unknown) => broken(url, error)));
  traffic.bytes += bytes.length;
  return bytes;
}

function broken(url: string, error: unknown): never {
  if (error instanceof DOMException) throw error;
  throw new AtlasError(`${url}: the answer broke off, or can’t be unpacked`, PACKED, { cause: error });
}
