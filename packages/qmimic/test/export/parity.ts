// One picture through libtorch and through a model file: the same boxes.
import { type Detections, Detector as Exported, type RawImage } from "@qmimic/runtime";
import type { RawImage as Decoded } from "../../src/data/images.js";
import { detectImages } from "../../src/eval/detect.js";
import { modelFile } from "../../src/export/modelFile.js";
import type { Detector } from "../../src/models/index.js";
import { expectSame } from "./same.js";

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

/** @returns how many detections were compared */
export function expectSameDetections(detector: Detector, pictures: readonly RawImage[]): number {
  const exported = Exported.from(modelFile(detector, undefined, "float32"));
  let count = 0;
  pictures.forEach((picture, i) => {
    detector.eval();
    const found = listed(detectImages(detector, [asDecoded(picture)])[0], detector.config.classes);
    count += expectSame(found, exported.detect(picture, { threshold: 0 }), `picture ${i}`);
  });
  return count;
}
