// Training with weights of eight bits: what is seen is what is exported, what is kept is in full precision.
import { parseModel } from "@qmimic/runtime";
import { copy, mul, noGrad, scope, tensor } from "@qmimic/torch";
import { expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { modelFile } from "../../src/export/modelFile.js";
import type { Detector } from "../../src/models/index.js";
import type { Batch } from "../../src/train/batches.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { roundWeights, weightsOf } from "../../src/train/roundedWeights.js";
import { createTrainee, trainingStep } from "../../src/train/step.js";
import { untrainedDetector } from "../export/untrained.js";

const KINDS = ["faster-rcnn", "r-fcn", "fcos"];

const numbersOf = (detector: Detector) => detector.named().map(({ tensor }) => tensor.toFloat32());

/** Batch norm that scales each channel by another factor, some of them negative. */
function unevenNorm(detector: Detector): void {
  noGrad(() =>
    scope(() => {
      detector.named().forEach(({ name, tensor }, i) => {
        if (tensor.shape.length === 1 && name.endsWith("weight"))
          copy(tensor, mul(tensor, i % 2 === 0 ? -0.3 : 1.7));
      });
    }),
  );
}

/** Noise with one object. */
function batchOf(): Batch {
  const random = createRandom("picture");
  const pixels = Float32Array.from({ length: 3 * 96 * 96 }, () => random() - 0.5);
  const boxes = Float32Array.of(20, 30, 60, 70);
  return {
    images: tensor(pixels, [1, 3, 96, 96]),
    placed: Float32Array.of(0, 0, 96, 96),
    targets: [{ boxes, labels: Int32Array.of(1), ignore: new Float32Array(0) }],
    indices: [0],
    augmentations: [],
  };
}

test.each(KINDS)("rounded weights are those of the exported file, batch norm folded in: %s", (kind) => {
  const detector = untrainedDetector(kind);
  unevenNorm(detector);
  const before = numbersOf(detector);
  const exported = parseModel(modelFile(detector, undefined, "int8"));
  const restore = roundWeights(weightsOf(detector));
  const seen = parseModel(modelFile(detector, undefined, "float32"));
  expect(numbersOf(detector)).not.toEqual(before);
  restore();
  expect(numbersOf(detector)).toEqual(before);
  let compared = 0;
  exported.parameters.forEach((layer, i) => {
    layer?.weights.forEach((weight, k) => {
      expect(seen.parameters[i]!.weights[k]).toBeCloseTo(weight, 5);
      compared++;
    });
  });
  expect(compared).toBeGreaterThan(5000);
  detector.dispose();
});

test("a step sees rounded weights, and moves them in full precision by its gradients", () => {
  const plainSgd = { optimizer: "sgd", momentum: 0, "weight-decay": 0, clip: 0 };
  const recipe = parseRecipe({ detector: "fcos", ...plainSgd }, "test");
  const step = (change: (detector: Detector) => void, rounding: boolean) => {
    const detector = untrainedDetector("fcos");
    change(detector);
    const started = numbersOf(detector);
    detector.train();
    const trainee = createTrainee(detector, recipe, undefined, rounding);
    const losses = trainingStep(trainee, batchOf(), recipe, { lr: 0.01, random: createRandom(1), index: 0 });
    const moved = numbersOf(detector).map((numbers, i) => numbers.map((value, k) => value - started[i][k]));
    detector.dispose();
    return { losses: losses.detection, moved };
  };
  const tuned = step(() => {}, true);
  const plain = step((detector) => {
    roundWeights(weightsOf(detector));
  }, false);
  expect(tuned.losses).toEqual(plain.losses);
  tuned.moved.forEach((change, i) => {
    change.forEach((value, k) => {
      expect(value).toBeCloseTo(plain.moved[i][k], 5);
    });
  });
  expect(tuned.losses).not.toEqual(step(() => {}, false).losses);
});
