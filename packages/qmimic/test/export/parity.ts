// One picture through libtorch and through a model file: the same boxes.
import { type Detection, type Detections, Detector as Exported, type RawImage } from "@qmimic/runtime";
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

/**
 * Each detection of either side has its like on the other, in both back ends of the runtime. Those as good as the worst may have
 * made way for one another.
 * @returns how many were compared
 */
export async function expectSameDetections(
  detector: Detector,
  pictures: readonly RawImage[],
): Promise<number> {
  const file = modelFile(detector, undefined, "float32");
  let count = 0;
  for (const backend of ["wasm", "typescript"] as const) {
    const exported = await Exported.load(file, { backend });
    for (const picture of pictures) count += compare(detector, exported, picture);
  }
  return count;
}

function compare(detector: Detector, exported: Exported, picture: RawImage): number {
  detector.eval();
  const found = listed(detectImages(detector, [asDecoded(picture)])[0], detector.config.classes);
  const ours = exported.detect(picture, { threshold: 0 });
  const worst = Math.max(found.at(-1)?.score ?? 0, ours.at(-1)?.score ?? 0) + 1e-4;
  let count = 0;
  for (const [side, other] of [
    [found, ours],
    [ours, found],
  ]) {
    for (const detection of side.filter(({ score }) => score > worst)) {
      expect(
        other.some((candidate) => isSame(detection, candidate)),
        JSON.stringify(detection),
      ).toBe(true);
      count++;
    }
  }
  return count;
}

const isSame = (a: Detection, b: Detection): boolean =>
  a.label === b.label &&
  Math.abs(a.score - b.score) < 1e-4 &&
  (["xmin", "ymin", "xmax", "ymax"] as const).every((side) => Math.abs(a.box[side] - b.box[side]) < 0.01);
