// Assigns ground truth to anchors (or proposals): torchvision's Matcher over box_iou, without the [ground truths,
// anchors] matrix. Anchors are processed in blocks, and a block is skipped if its bounding box does not overlap the
// ground truth. Most are, because anchors close in memory are also close in the image.

/** Match of an anchor whose best IoU is below `low`: background. */
export const BELOW_LOW = -1;
/** Match of an anchor whose best IoU is in [low, high): neither object nor background. */
export const BETWEEN = -2;

const BLOCK = 64;

export interface MatchOptions {
  /** Minimum IoU for a match. */
  high: number;
  /** IoU below which an anchor is background. */
  low: number;
  /** For each ground truth, also match the anchors with the highest IoU (all on ties), however low. */
  allowLowQuality: boolean;
}

/**
 * The index of the ground truth with the highest IoU for each anchor (ties: the lower index), or BELOW_LOW or BETWEEN.
 *
 * An anchor matched by `allowLowQuality` gets the ground truth with which *it* has the highest IoU, as in torchvision.
 * Unlike torchvision, a ground truth that overlaps no anchor matches none (in torchvision: all that it does not
 * overlap), and without ground truth all are BELOW_LOW (in torchvision: an error).
 * @param anchors [N, 4] xyxy, anchors or proposals
 * @param groundTruth [G, 4] xyxy
 * @param bounds blockBounds(anchors), to precompute for anchors that are matched repeatedly
 * @returns [N]
 * @throws RangeError if low > high
 */
export function matchAnchors(
  anchors: Float32Array,
  groundTruth: Float32Array,
  options: MatchOptions,
  bounds: Float32Array = blockBounds(anchors),
): Int32Array {
  const f32 = Math.fround;
  // torch compares a float32 tensor with the threshold rounded to float32.
  const high = f32(options.high);
  const low = f32(options.low);
  if (!(low <= high)) throw new RangeError(`matchAnchors: low ${options.low} is above high ${options.high}`);

  const n = anchors.length >> 2;
  if (groundTruth.length === 0) return new Int32Array(n).fill(BELOW_LOW);
  // Anchors that overlap no ground truth have IoU 0.
  const matches = new Int32Array(n).fill(low > 0 ? BELOW_LOW : BETWEEN);
  const best = new Float32Array(n);
  const met = new Uint8Array(bounds.length >> 2);
  const ties = new Int32Array(options.allowLowQuality ? n : 0);
  const lowQuality = new Uint8Array(options.allowLowQuality ? n : 0);

  for (let g = 0, k = 0; k < groundTruth.length; g++, k += 4) {
    const x1 = groundTruth[k];
    const y1 = groundTruth[k + 1];
    const x2 = groundTruth[k + 2];
    const y2 = groundTruth[k + 3];
    const area = f32(f32(x2 - x1) * f32(y2 - y1));
    let highest = 0;
    let tied = 0;
    for (let block = 0, b = 0; block < n; block += BLOCK, b += 4) {
      if (!(bounds[b] < x2 && bounds[b + 2] > x1 && bounds[b + 1] < y2 && bounds[b + 3] > y1)) continue;
      met[b >> 2] = 1;
      const end = Math.min(block + BLOCK, n);
      for (let i = block; i < end; i++) {
        const a = 4 * i;
        const ax1 = anchors[a];
        const ax2 = anchors[a + 2];
        const w = f32(Math.min(ax2, x2) - Math.max(ax1, x1));
        if (!(w > 0)) continue;
        const ay1 = anchors[a + 1];
        const ay2 = anchors[a + 3];
        const h = f32(Math.min(ay2, y2) - Math.max(ay1, y1));
        if (!(h > 0)) continue;
        const intersection = f32(w * h);
        const anchorArea = f32(f32(ax2 - ax1) * f32(ay2 - ay1));
        const overlap = f32(intersection / f32(f32(area + anchorArea) - intersection));
        if (overlap > best[i]) {
          best[i] = overlap;
          matches[i] = g;
        }
        if (options.allowLowQuality && overlap >= highest && overlap > 0) {
          if (overlap > highest) tied = 0;
          highest = overlap;
          ties[tied++] = i;
        }
      }
    }
    for (let t = 0; t < tied; t++) lowQuality[ties[t]] = 1;
  }

  for (let block = 0; block < n; block += BLOCK) {
    if (met[block / BLOCK] === 0) continue;
    const end = Math.min(block + BLOCK, n);
    for (let i = block; i < end; i++) {
      if (best[i] >= high || lowQuality[i] === 1) continue;
      matches[i] = best[i] < low ? BELOW_LOW : BETWEEN;
    }
  }
  return matches;
}

/** The bounding boxes of blocks of 64 anchors, [ceil(N / 64), 4] xyxy, for matchAnchors. */
export function blockBounds(anchors: Float32Array): Float32Array {
  const n = anchors.length >> 2;
  const bounds = new Float32Array(4 * Math.ceil(n / BLOCK));
  for (let block = 0, b = 0; block < n; block += BLOCK, b += 4) {
    const end = 4 * Math.min(n, block + BLOCK);
    let x1 = Number.POSITIVE_INFINITY;
    let y1 = Number.POSITIVE_INFINITY;
    let x2 = Number.NEGATIVE_INFINITY;
    let y2 = Number.NEGATIVE_INFINITY;
    for (let a = 4 * block; a < end; a += 4) {
      if (anchors[a] < x1) x1 = anchors[a];
      if (anchors[a + 1] < y1) y1 = anchors[a + 1];
      if (anchors[a + 2] > x2) x2 = anchors[a + 2];
      if (anchors[a + 3] > y2) y2 = anchors[a + 3];
    }
    bounds[b] = x1;
    bounds[b + 1] = y1;
    bounds[b + 2] = x2;
    bounds[b + 3] = y2;
  }
  return bounds;
}
