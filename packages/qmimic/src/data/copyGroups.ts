// Groups of near-duplicate image files.
import { mapConcurrent } from "./concurrent.js";
import { decodeImage } from "./images.js";
import { fingerprint, groupCopies } from "./nearCopies.js";
import { unlessInput } from "./problems.js";

const IN_FLIGHT = 4;
/** Longest side at which images are compared: enough for their thumbnails, and fast to decode. */
const COMPARED_SIDE = 128;

/**
 * The group number of each image, from 0; near-duplicates share one. An image that cannot be decoded is its own group:
 * reading it reports the problem.
 */
export async function copyGroups(
  paths: readonly string[],
  onProgress: (done: number, total: number) => void = () => {},
): Promise<number[]> {
  let done = 0;
  const prints = await mapConcurrent(paths, IN_FLIGHT, async (path) => {
    const image = await decodeImage(path, { maxSide: COMPARED_SIDE }).catch(unlessInput(undefined));
    onProgress(++done, paths.length);
    return image && fingerprint(image);
  });
  const numbers = groupCopies(prints.filter((print) => print !== undefined));
  let next = 0;
  let others = new Set(numbers).size;
  return prints.map((print) => (print === undefined ? others++ : numbers[next++]));
}
