// Near-duplicate images: a perceptual hash finds candidates, pixels decide. The difference hash: N. Krawetz,
// "Kind of Like That", hackerfactor.com, 2013.
import type { RawImage } from "./images.js";

const COLUMNS = 9;
const ROWS = 8;
/** Thumbnail pixels per side of a hash cell. */
const PER_CELL = 4;
const WIDTH = COLUMNS * PER_CELL;
const HEIGHT = ROWS * PER_CELL;

/** Maximum differing bits of 64. With eight bands of eight bits, such a pair has at least one equal band. */
const MAX_BITS = 7;
/** Minimum correlation of the thumbnails of near-duplicates, so that crops and successive shots of a scene count. */
const LEAST_CORRELATION = 0.8;
/** Standard deviation, out of 255, below which a thumbnail has no content to correlate. */
const FLAT = 1;
/** Maximum mean difference, out of 255, of equal flat images. */
const FLAT_DIFFERENCE = 2;

/** An image's fingerprint for comparing. */
export interface Fingerprint {
  /** Eight bytes, one per row: bit i is set if column i is darker than column i + 1. */
  hash: Uint8Array;
  /** WIDTH x HEIGHT, grey. */
  thumbnail: Uint8Array;
  /** Statistics of the thumbnail. */
  mean: number;
  deviation: number;
}

export function fingerprint(image: RawImage): Fingerprint {
  const thumbnail = reduceToGrey(image);
  const cells = new Float64Array(COLUMNS * ROWS);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      cells[Math.floor(y / PER_CELL) * COLUMNS + Math.floor(x / PER_CELL)] += thumbnail[y * WIDTH + x];
    }
  }
  const hash = new Uint8Array(ROWS);
  for (let row = 0; row < ROWS; row++) {
    for (let i = 0; i < COLUMNS - 1; i++) {
      if (cells[row * COLUMNS + i] < cells[row * COLUMNS + i + 1]) hash[row] |= 1 << i;
    }
  }
  const mean = thumbnail.reduce((sum, value) => sum + value, 0) / thumbnail.length;
  const variance = thumbnail.reduce((sum, value) => sum + (value - mean) ** 2, 0) / thumbnail.length;
  return { hash, thumbnail, mean, deviation: Math.sqrt(variance) };
}

/** The brightest cell of the thumbnail, 0 to 255: dark only in nearly black images. */
export const brightest = ({ thumbnail }: Fingerprint): number =>
  thumbnail.reduce((max, value) => Math.max(max, value), 0);

function reduceToGrey({ data, width, height }: RawImage): Uint8Array {
  const grey = new Uint8Array(WIDTH * HEIGHT);
  for (let row = 0; row < HEIGHT; row++) {
    const top = Math.floor((row * height) / HEIGHT);
    const bottom = Math.max(top + 1, Math.floor(((row + 1) * height) / HEIGHT));
    for (let column = 0; column < WIDTH; column++) {
      const left = Math.floor((column * width) / WIDTH);
      const right = Math.max(left + 1, Math.floor(((column + 1) * width) / WIDTH));
      let sum = 0;
      for (let y = top; y < bottom; y++) {
        // Rec. 601 luma, in 1/256.
        for (let i = 3 * (y * width + left); i < 3 * (y * width + right); i += 3) {
          sum += 77 * data[i] + 150 * data[i + 1] + 29 * data[i + 2];
        }
      }
      grey[row * WIDTH + column] = Math.round(sum / (256 * (bottom - top) * (right - left)));
    }
  }
  return grey;
}

/**
 * The group number of each image; near-duplicates, also transitively, share one. Numbers start at 0, in image
 * order.
 */
export function groupCopies(prints: readonly Fingerprint[]): number[] {
  const first = prints.map((_, i) => i);
  const find = (i: number): number => {
    while (first[i] !== i) i = first[i] = first[first[i]];
    return i;
  };
  for (const [a, b] of copyPairs(prints)) {
    const [low, high] = [find(a), find(b)].sort((x, y) => x - y);
    first[high] = low;
  }
  const numbers = new Map<number, number>();
  return first.map((_, i) => {
    const root = find(i);
    if (!numbers.has(root)) numbers.set(root, numbers.size);
    return numbers.get(root)!;
  });
}

/** Pairs of near-duplicates: not all pairs of a group, but enough to connect it. */
function* copyPairs(prints: readonly Fingerprint[]): Generator<[number, number]> {
  // Thousands of equal images (still video frames) are compared with only one of them.
  const leaders = new Map<string, number[]>();
  for (const [i, print] of prints.entries()) {
    const key = print.hash.join();
    const known = leaders.get(key) ?? [];
    const equal = known.find((leader) => samePixels(prints[leader], print));
    if (equal === undefined) leaders.set(key, [...known, i]);
    else yield [equal, i];
  }
  const rest = [...leaders.values()].flat();
  for (let band = 0; band < ROWS; band++) {
    const buckets = new Map<number, number[]>();
    for (const i of rest) {
      const bucket = buckets.get(prints[i].hash[band]);
      if (bucket) bucket.push(i);
      else buckets.set(prints[i].hash[band], [i]);
    }
    for (const bucket of buckets.values()) {
      for (let b = 1; b < bucket.length; b++) {
        for (let a = 0; a < b; a++) {
          const [first, second] = [prints[bucket[a]], prints[bucket[b]]];
          if (sameHash(first, second, band) && samePixels(first, second)) yield [bucket[a], bucket[b]];
        }
      }
    }
  }
}

/** @param band in which the two agree; pairs that agree in an earlier band were compared before */
function sameHash(a: Fingerprint, b: Fingerprint, band: number): boolean {
  let bits = 0;
  for (let row = 0; row < ROWS; row++) {
    const differing = a.hash[row] ^ b.hash[row];
    if (differing === 0 && row < band) return false;
    bits += BITS[differing];
    if (bits > MAX_BITS) return false;
  }
  return true;
}

function samePixels(a: Fingerprint, b: Fingerprint): boolean {
  if (a.deviation < FLAT || b.deviation < FLAT) {
    return a.deviation < FLAT && b.deviation < FLAT && Math.abs(a.mean - b.mean) <= FLAT_DIFFERENCE;
  }
  let products = 0;
  for (let i = 0; i < a.thumbnail.length; i++) products += a.thumbnail[i] * b.thumbnail[i];
  const covariance = products / a.thumbnail.length - a.mean * b.mean;
  return covariance >= LEAST_CORRELATION * a.deviation * b.deviation;
}

/** Number of set bits of each byte. */
const BITS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);
