// Greedy non-maximum suppression: the same result as src/geometry/nms.ts, bit for bit. Comparing a box with all kept
// ones, four at a time, takes less time than searching for those nearby.

/** Bytes of four kept boxes: vectors of xmin, ymin, xmax, ymax, area and label. */
const GROUP: usize = 96;

/**
 * Writes the indices of the kept boxes to `kept`, in the order of the candidates.
 * boxes: [N, 4] xyxy; candidates: [count] indices, best first; labels: [N], or 0 if all boxes have the same;
 * groups: scratch memory of 96 bytes per four kept boxes.
 * @param threshold a box is dropped if its IoU with a kept one of the same label is above this
 * @returns the number of kept boxes, at most `limit`
 */
export function suppress(
  boxes: usize,
  candidates: usize,
  count: i32,
  labels: usize,
  threshold: f32,
  limit: i32,
  kept: usize,
  groups: usize,
): i32 {
  const least = f32x4.splat(threshold);
  const zero = f32x4.splat(0);
  let found = 0;
  let end = groups;
  const last = candidates + ((<usize>count) << 2);
  for (; candidates < last && found < limit; candidates += 4) {
    const index = load<u32>(candidates);
    const box = v128.load(boxes + ((<usize>index) << 4));
    const label: i32 = labels > 0 ? load<i32>(labels + ((<usize>index) << 2)) : 0;
    const left = v128.shuffle<f32>(box, box, 0, 0, 0, 0);
    const upper = v128.shuffle<f32>(box, box, 1, 1, 1, 1);
    const right = v128.shuffle<f32>(box, box, 2, 2, 2, 2);
    const lower = v128.shuffle<f32>(box, box, 3, 3, 3, 3);
    const area = f32x4.mul(f32x4.sub(right, left), f32x4.sub(lower, upper));
    const ofLabel = i32x4.splat(label);
    let free = true;
    for (let group = groups; group < end; group += GROUP) {
      const w = f32x4.sub(f32x4.min(right, v128.load(group, 32)), f32x4.max(left, v128.load(group)));
      const h = f32x4.sub(f32x4.min(lower, v128.load(group, 48)), f32x4.max(upper, v128.load(group, 16)));
      const shared = f32x4.mul(w, h);
      const overlap = f32x4.div(shared, f32x4.sub(f32x4.add(v128.load(group, 64), area), shared));
      const touching = v128.and(f32x4.gt(w, zero), f32x4.gt(h, zero));
      const above = v128.and(f32x4.gt(overlap, least), i32x4.eq(v128.load(group, 80), ofLabel));
      if (v128.any_true(v128.and(touching, above))) {
        free = false;
        break;
      }
    }
    if (!free) continue;
    store<u32>(kept + ((<usize>found) << 2), index);
    const lane = <usize>(found & 3);
    if (lane === 0) {
      // An empty group: nothing overlaps boxes that end at minus infinity.
      v128.store(end, zero);
      v128.store(end, zero, 16);
      v128.store(end, f32x4.splat(-Infinity), 32);
      v128.store(end, zero, 48);
      end += GROUP;
    }
    const at = end - GROUP + (lane << 2);
    store<f32>(at, f32x4.extract_lane(box, 0));
    store<f32>(at, f32x4.extract_lane(box, 1), 16);
    store<f32>(at, f32x4.extract_lane(box, 2), 32);
    store<f32>(at, f32x4.extract_lane(box, 3), 48);
    store<f32>(at, f32x4.extract_lane(area, 0), 64);
    store<i32>(at, label, 80);
    found++;
  }
  return found;
}
