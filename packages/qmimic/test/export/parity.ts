// One picture through libtorch and through every back end that a detector is exported to: the same boxes.
import { type Detection, type Detections, Detector as Exported, type RawImage } from "@qmimic/runtime";
import { expect } from "vitest";
import type { RawImage as Decoded } from "../../src/data/images.js";
import { detectImages } from "../../src/eval/detect.js";
import { modelFile } from "../../src/export/modelFile.js";
import { onnxFile } from "../../src/export/onnx/onnxFile.js";
import { openOnnx } from "../../src/export/onnx/openOnnx.js";
import type { Detector } from "../../src/models/index.js";

/** Everything that a detector finds in some pictures, once it is exported. */
type BackEnd = (detector: Detector, pictures: readonly RawImage[]) => Promise<Detection[][]>;

/** One of the two of @qmimic/runtime. */
const runtime =
  (backend: "wasm" | "typescript"): BackEnd =>
  async (detector, pictures) => {
    const exported = await Exported.load(modelFile(detector, undefined, "float32"), { backend });
    return pictures.map((picture) => exported.detect(picture, { threshold: 0 }));
  };

const BACK_ENDS: Record<string, BackEnd> = {
  wasm: runtime("wasm"),
  typescript: runtime("typescript"),
  async onnx(detector, pictures) {
    const { side, classes } = detector.config;
    const exported = await openOnnx(onnxFile(detector), "test.onnx");
    const found: Detection[][] = [];
    for (const picture of pictures)
      found.push(listed(await exported.detect(asDecoded(picture), side), classes));
    await exported.release();
    return found;
  },
};

/** A decoded picture of these bytes, as large as its file is. */
export const asDecoded = ({ data, width, height }: RawImage): Decoded => ({
  data: Uint8Array.from(data),
  width,
  height,
  originalWidth: width,
  originalHeight: height,
});

/** Detections with their labels' names, in the order of their scores. */
function listed({ boxes, scores, labels }: Detections, classes: readonly string[]): Detection[] {
  return [...scores].map((score, i) => {
    const [xmin, ymin, xmax, ymax] = boxes.subarray(4 * i, 4 * i + 4);
    return { label: classes[labels[i] - 1], score, box: { xmin, ymin, xmax, ymax } };
  });
}

/**
 * Each detection of either side has its like on the other. Only at the lowest score that counts, or where the list was full,
 * may one be there and the other not.
 * @returns how many detections were compared
 */
export async function expectSameDetections(
  detector: Detector,
  pictures: readonly RawImage[],
): Promise<number> {
  detector.eval();
  const expected = pictures.map((picture) =>
    listed(detectImages(detector, [asDecoded(picture)])[0], detector.config.classes),
  );
  const { score, keep } = detector.decoder;
  let count = 0;
  for (const [name, backEnd] of Object.entries(BACK_ENDS)) {
    const found = await backEnd(detector, pictures);
    found.forEach((ours, i) => {
      const cuts = [expected[i], ours].map((one) =>
        one.length < keep.detections ? score : one.at(-1)!.score,
      );
      count += expectAlike(name, expected[i], ours, Math.max(...cuts) + 1e-4);
    });
  }
  return count;
}

function expectAlike(
  name: string,
  expected: readonly Detection[],
  ours: readonly Detection[],
  least: number,
): number {
  const better = (side: readonly Detection[]) => side.filter(({ score }) => score > least);
  // ONNX Runtime orders by logits, and scores that are all but equal round either way.
  const rises = ours.slice(1).map(({ score }, i) => score - ours[i].score);
  expect(Math.max(0, ...rises), `${name}: best first`).toBeLessThan(1e-6);
  for (const [one, other] of [
    [expected, ours],
    [ours, expected],
  ])
    for (const detection of better(one))
      expect(
        other.some((like) => isAlike(detection, like)),
        `${name}: ${JSON.stringify(detection)}`,
      ).toBe(true);
  return better(ours).length;
}

const isAlike = (a: Detection, b: Detection): boolean =>
  a.label === b.label &&
  Math.abs(a.score - b.score) < 1e-4 &&
  (["xmin", "ymin", "xmax", "ymax"] as const).every((k) => Math.abs(a.box[k] - b.box[k]) < 0.01);
