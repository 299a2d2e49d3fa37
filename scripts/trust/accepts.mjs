// What a reader of damaged files may do: refuse in words, or accept what makes sense.
import { createRequire } from "node:module";

/** The image library that the package qmimic depends on. */
export const sharp = createRequire(new URL("../../packages/qmimic/package.json", import.meta.url))("sharp");

export const built = (path) => import(new URL(`../../packages/${path}.js`, import.meta.url));

/** Says that something accepted makes no sense. */
export function must(fact, what) {
  if (!fact) throw new Error(`accepted: ${what}`);
}

/** Whether `read` refuses in words; other errors pass. */
export async function refuses(read, known) {
  try {
    await read();
    return false;
  } catch (error) {
    if (known.some((kind) => error instanceof kind)) {
      must(error.message.length < 5000, `a message of ${error.message.length} letters`);
      return true;
    }
    throw error;
  }
}
