// The WIDER FACE protocol a second time: every image is sorted, and every threshold walks every image again, as the
// official evaluation does.
import type { WiderImage } from "../../src/eval/wider.js";

export function slowWider(images: readonly WiderImage[], counted: readonly Uint8Array[]): number {
  const scores = images.flatMap((image) => [...image.scores]);
  const [lowest, highest] = [Math.min(...scores), Math.max(...scores)];
  const total = counted.reduce((sum, marks) => sum + marks.filter((mark) => mark === 1).length, 0);
  const curve = Array.from({ length: 1000 }, (_, t) => {
    const threshold = 1 - (t + 1) / 1000;
    let detected = 0;
    let found = 0;
    images.forEach((image, i) => {
      if (counted[i].length === 0) return;
      const normalised = [...image.scores].map((score) => (score - lowest) / (highest - lowest));
      const order = [...normalised.keys()].sort((a, b) => normalised[b] - normalised[a] || a - b);
      const seen = new Set<number>();
      for (const d of order.filter((d) => normalised[d] >= threshold)) {
        const overlaps = [...counted[i].keys()].map((g) => overlap(image.boxes, d, image.faces, g));
        const most = Math.max(...overlaps);
        const face = most >= 0.5 ? overlaps.indexOf(most) : -1;
        if (face >= 0 && counted[i][face] === 0) continue;
        detected++;
        if (face >= 0) seen.add(face);
      }
      found += seen.size;
    });
    return { precision: detected === 0 ? 0 : found / detected, recall: found / total };
  });
  // Each face found pays the best precision at its recall or above.
  let area = 0;
  let before = 0;
  curve.forEach(({ recall }, t) => {
    area += (recall - before) * Math.max(...curve.slice(t).map(({ precision }) => precision));
    before = recall;
  });
  return area;
}

function overlap(a: Float64Array, i: number, b: Float64Array, j: number): number {
  const shared = [0, 1].map((axis) => {
    const end = Math.min(a[4 * i + axis] + a[4 * i + axis + 2], b[4 * j + axis] + b[4 * j + axis + 2]);
    return Math.max(0, end - Math.max(a[4 * i + axis], b[4 * j + axis]) + 1);
  });
  const area = (box: Float64Array, k: number) => (box[4 * k + 2] + 1) * (box[4 * k + 3] + 1);
  const common = shared[0] * shared[1];
  return common / (area(a, i) + area(b, j) - common);
}
