// Reads the bytes of a model file from any source.
import { show } from "./model/errors.js";
import { MAX_SIDE } from "./model/model.js";

export type ModelSource = string | URL | Request | Response | Blob | ArrayBuffer | ArrayBufferView;

export interface LoadOptions {
  /**
   * Default: wasm, or plain TypeScript, which is tens of times slower, without WebAssembly SIMD or if the page's content
   * security policy forbids WebAssembly.
   */
  backend?: "wasm" | "typescript";
  /**
   * Longest side of a picture in the network's input, in pixels. Larger finds smaller objects, smaller is faster.
   * Default: the model's.
   */
  side?: number;
  /** Called as bytes arrive; `total` is undefined if the server does not send it. */
  onProgress?: (progress: { loaded: number; total: number | undefined }) => void;
  /** Aborts the download. */
  signal?: AbortSignal;
}

/** The settings of a detector among the options; null counts as undefined. @throws RangeError */
export function checkLoadOptions(options: LoadOptions): Pick<LoadOptions, "backend" | "side"> {
  const backend = options.backend ?? undefined;
  const side = options.side ?? undefined;
  if (backend !== undefined && backend !== "wasm" && backend !== "typescript")
    throw new RangeError(`backend is ${show(backend)}, expected "wasm" or "typescript"`);
  if (side !== undefined && !(Number.isInteger(side) && side >= 1 && side <= MAX_SIDE))
    throw new RangeError(`side is ${show(side)}, expected an integer from 1 to ${MAX_SIDE}`);
  return { ...(backend === undefined ? {} : { backend }), ...(side === undefined ? {} : { side }) };
}

/**
 * Without a page, as in Node, a URL has to be complete, and fetch does not read files.
 * @throws TypeError for anything else; fetch's error
 */
function download(source: string | URL | Request, signal: AbortSignal | undefined): Promise<Response> {
  const isUrl = typeof source === "string" || source instanceof URL;
  if (!isUrl && !(source instanceof Request))
    throw new TypeError(
      `the model is ${source === null ? "null" : typeof source}, expected a URL, Request, Response, Blob or bytes`,
    );
  if (isUrl && globalThis.location === undefined && !/^(https?|data|blob):/.test(String(source)))
    throw new TypeError(`${source}: not a URL that can be downloaded here; read the file and pass its bytes`);
  return fetch(source, signal ? { signal } : {});
}

/** @throws Error with the URL and status if the response is not ok; fetch's error if the server cannot be reached */
export async function readBytes(
  source: ModelSource,
  { onProgress, signal }: LoadOptions,
): Promise<Uint8Array> {
  signal?.throwIfAborted();
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  const response = source instanceof Response ? source : await download(source, signal);
  if (!response.ok)
    throw new Error(`${response.url || String(source)}: ${response.status} ${response.statusText}`);
  if (response.body === null || !onProgress) return new Uint8Array(await response.arrayBuffer());
  const contentLength = Number(response.headers.get("content-length"));
  // For a compressed response, this is the compressed length, but the reader returns decompressed bytes.
  const total = contentLength > 0 && !response.headers.get("content-encoding") ? contentLength : undefined;
  const parts: Uint8Array[] = [];
  let loaded = 0;
  const reader = response.body.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      loaded += part.value.length;
      onProgress({ loaded, total });
      signal?.throwIfAborted();
    }
  } catch (error) {
    // The download would go on.
    reader.cancel(error).catch(() => {});
    throw error;
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
