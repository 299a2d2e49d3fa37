// One picture through libtorch and through a model file: the same boxes.
import { type Detections, Detector as Exported, type RawImage } from "@qmimic/runtime";
import { expect } from "vitest";
import type { RawImage as Decoded } from "../../src/data/images.js";
import { detectImages } from "../../src/eval/detect.js";
import { modelFile } from "../../src/export/modelFile.js";
import type { Detector } from "../../src/models/index.js";

/** A decoded picture of these bytes, as large as its file is. */
export const asDecoded = ({ data, width, height }: RawImage): Decoded => ({
  data: Uint8Array.from(data),
  width,
  height,
  originalWidth: width,
  originalHeight: height,
});

/** Detections with their labels' names, in the order of their scores. */
function listed({ boxes, scores, labels }: Detections, classes: readonly string[]) {
  return [...scores].map((score, i) => {
    const [xmin, ymin, xmax, ymax] = boxes.subarray(4 * i, 4 * i + 4);
    return { label: classes[labels[i] - 1], score, box: { xmin, ymin, xmax, ymax } };
  });
}

/** Each detection of either side has its like on the other. Those as good as the worst may have made way for one another. */
export function expectSameDetections(detector: Detector, pictures: readonly RawImage[]): number {
  const exported = Exported.from(modelFile(detector, undefined, "float32"));
  let count = 0;
  for (const picture of pictures) {
    detector.eval();
    const found = listed(detectImages(detector, [asDecoded(picture)])[0], detector.config.classes);
    const ours = exported.detect(picture, { threshold: 0 });
    const worst = Math.max(found.at(-1)?.score ?? 0, ours.at(-1)?.score ?? 0) + 1e-4;
    for (const [side, other] of [
      [found, ours],
      [ours, found],
    ]) {
      for (const { label, score, box } of side.filter((one) => one.score > worst)) {
        const like = other.some(
          (one) =>
            one.label === label &&
            Math.abs(one.score - score) < 1e-4 &&
            (["xmin", "ymin", "xmax", "ymax"] as const).every((k) => Math.abs(one.box[k] - box[k]) < 0.01),
        );
        expect(like, `${label} ${score} ${JSON.stringify(box)}`).toBe(true);
        count++;
      }
    }
  }
  return count;
}
