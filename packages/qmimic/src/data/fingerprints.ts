// Fingerprints of image files, to find near-duplicates.
import { mapConcurrent } from "./concurrent.js";
import { decodeImage } from "./images.js";
import { type Fingerprint, fingerprint } from "./nearCopies.js";
import { unlessInput } from "./problems.js";

const IN_FLIGHT = 4;
/** Longest side at which images are compared: enough for their thumbnails, and fast to decode. */
const COMPARED_SIDE = 128;

/** @returns one per path; undefined for images that cannot be decoded: reading them reports the problem */
export function readFingerprints(
  paths: readonly string[],
  onProgress: (done: number, total: number) => void = () => {},
): Promise<(Fingerprint | undefined)[]> {
  let done = 0;
  return mapConcurrent(paths, IN_FLIGHT, async (path) => {
    const image = await decodeImage(path, { maxSide: COMPARED_SIDE }).catch(unlessInput(undefined));
    onProgress(++done, paths.length);
    return image && fingerprint(image);
  });
}
