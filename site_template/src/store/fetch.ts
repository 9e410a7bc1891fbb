import { AtlasError } from "./errors.ts";

const HOST_REMEDY =
  "The host must serve the atlas folder next to the site, allow byte ranges and not compress them (for another origin: CORS with GET and the Range header). On this machine: atlas serve SITE";

async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException) throw error;
    throw new AtlasError(`can't reach ${url}`, `Check the connection. ${HOST_REMEDY}`, { cause: error });
  }
}

/** A whole file; undefined if the host says that there is none. */
export async function fetchWhole(url: string, signal?: AbortSignal, cache: RequestCache = "default"): Promise<Uint8Array | undefined> {
  const response = await request(url, { cache, ...(signal && { signal }) });
  if (response.status === 404 || response.status === 410) return undefined;
  if (!response.ok) throw new AtlasError(`${url}: the host answered ${response.status}`, HOST_REMEDY);
  return new Uint8Array(await response.arrayBuffer());
}

/** Bytes [offset, offset + length) of a file that is known to be there. */
export async function fetchRange(url: string, offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
  const headers = { Range: `bytes=${offset}-${offset + length - 1}` };
  const response = await request(url, { headers, ...(signal && { signal }) });
  if (response.status === 200) {
    await response.body?.cancel();
    throw new AtlasError(`${url}: the host ignores byte ranges`, HOST_REMEDY);
  }
  if (response.status !== 206) {
    throw new AtlasError(`${url} is part of the atlas, but the host answered ${response.status}`, "The copy is not complete: copy the atlas again, or run: atlas verify");
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length !== length) {
    throw new AtlasError(`${url}: asked for ${length} bytes, got ${bytes.length}`, HOST_REMEDY);
  }
  return bytes;
}
