// A detector that starts from another's weights keeps all but the heads of new classes.
import { noGrad, scope, tensor } from "@qmimic/torch";
import { expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { createDetector, DETECTORS, type Detector, transferWeights } from "../../src/models/index.js";
import { untrainedDetector } from "../export/untrained.js";
import { expectClose } from "./torchvision.js";

function outputsOf(detector: Detector): Record<string, { data: Float32Array; shape: number[] }> {
  const image = Float32Array.from({ length: 3 * 64 * 64 }, createRandom("image"));
  return noGrad(() =>
    scope(() => {
      const outputs = detector
        .eval()
        .everyLayer(tensor(image, [1, 3, 64, 64]), [Float32Array.of(4, 4, 40, 50)]);
      return Object.fromEntries(
        Object.entries(outputs).map(([name, one]) => [name, { data: one.toFloat32(), shape: one.shape }]),
      );
    }),
  );
}

/** Of a result of every class: the part of one, background first where there is one. */
function partOf(
  { data, shape }: { data: Float32Array; shape: number[] },
  label: number,
  labels: number,
): number[] {
  const size = shape.slice(1).reduce((product, side) => product * side, 1) / labels;
  return [...data.subarray(label * size, (label + 1) * size)];
}

test.each(DETECTORS)("%s", (kind) => {
  const earlier = untrainedDetector(kind, ["cat", "dog", "cow"]);
  const later = createDetector(
    { ...earlier.config, classes: ["horse", "cow", "cat"] },
    createRandom("later"),
  );
  const fresh = outputsOf(later);
  const transferred = transferWeights(later, earlier);
  expect(transferred).toEqual({ kept: ["cow", "cat"], fresh: ["horse"], dropped: ["dog"] });
  const [before, after] = [earlier, later].map(outputsOf);
  // One image, and one region: results of classes are [1, classes, ...].
  const ofClasses =
    kind === "fcos" ? ["logits"] : ["regionLogits", ...(kind === "faster-rcnn" ? ["regionDeltas"] : [])];
  const background = kind === "fcos" ? 0 : 1;
  for (const name of Object.keys(after)) {
    if (!ofClasses.includes(name)) expect(after[name], name).toEqual(before[name]);
    // Sums are rounded differently with another number of outputs, on some processors.
    else {
      const part = (of: typeof after, label: number) => partOf(of[name], label, 3 + background);
      const [horse, cow, cat] = [0, 1, 2].map((label) => part(after, label + background));
      expectClose(cow, part(before, 2 + background));
      expectClose(cat, part(before, 0 + background));
      if (background === 1) expectClose(part(after, 0), part(before, 0));
      // The same weights as before, on other features.
      for (const other of [part(before, 0 + background), part(fresh, 0 + background)])
        expect(() => expectClose(horse, other)).toThrow();
    }
  }
  for (const one of [earlier, later]) one.dispose();
});
