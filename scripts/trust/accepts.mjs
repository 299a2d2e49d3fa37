// What readers may do with damaged files: reject them with an error message, or accept them if the content is valid.
import { createRequire } from "node:module";

/** The image library used by the package qmimic. */
export const sharp = createRequire(new URL("../../packages/qmimic/package.json", import.meta.url))("sharp");

export const built = (path) => import(new URL(`../../packages/${path}.js`, import.meta.url));

/** Fails if accepted content is invalid. */
export function must(fact, what) {
  if (!fact) throw new Error(`accepted: ${what}`);
}

/** Whether `read` rejects its input with one of the `known` errors; rethrows all others. */
export async function refuses(read, known) {
  try {
    await read();
    return false;
  } catch (error) {
    if (known.some((kind) => error instanceof kind)) {
      must(error.message.length < 5000, `a message of ${error.message.length} characters`);
      return true;
    }
    throw error;
  }
}
