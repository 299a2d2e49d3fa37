// Bytes of a model file from wherever it is.

export type ModelSource = string | URL | Request | Response | Blob | ArrayBuffer | Uint8Array;

export interface LoadOptions {
  /** What computes. Default: wasm where there is WebAssembly with SIMD, else plain TypeScript, which is some twenty times slower. */
  backend?: "wasm" | "typescript";
  /** Longest side of a picture in the network's input, in pixels. Default: the model's; larger finds smaller objects, smaller is faster. */
  side?: number;
  /** Called as bytes arrive; `total` is undefined where the server does not say it. */
  onProgress?: (progress: { loaded: number; total: number | undefined }) => void;
  /** Ends the download. */
  signal?: AbortSignal;
}

/** @throws Error when the server refuses, naming address and status; what fetch throws when it cannot be reached */
export async function readBytes(
  source: ModelSource,
  { onProgress, signal }: LoadOptions,
): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  const response = source instanceof Response ? source : await fetch(source, signal ? { signal } : {});
  if (!response.ok)
    throw new Error(`${response.url || String(source)}: ${response.status} ${response.statusText}`);
  if (response.body === null || onProgress === undefined) return new Uint8Array(await response.arrayBuffer());
  const stated = Number(response.headers.get("content-length"));
  // Of a compressed answer the length is that of what travels, not of what arrives.
  const total = stated > 0 && !response.headers.get("content-encoding") ? stated : undefined;
  const parts: Uint8Array[] = [];
  let loaded = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    loaded += part.value.length;
    onProgress({ loaded, total });
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
