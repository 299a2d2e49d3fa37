// Restarts: the learning rate's cycles, and augmentation that falls from one to the next.
import { learningRate } from "@qmimic/torch";
import { expect, test } from "vitest";
import { sampleScale, TRAINING_AUGMENTATION, weakened } from "../../src/data/augment.js";
import { augmentAt, rateAt } from "../../src/train/cycles.js";
import { parseRecipe } from "../../src/train/recipe.js";

const recipeWith = (settings: Record<string, unknown>) =>
  parseRecipe({ data: "none", epochs: 10, "teacher-epochs": 10, ...settings }, "test");
const length = { epochs: 10, stepsOfEpoch: 8 };
const rates = (settings: Record<string, unknown>) =>
  Array.from({ length: 80 }, (_, step) => rateAt(step, 0.01, recipeWith(settings), length));

test("without restarts, there is one cycle over all steps", () => {
  const schedule = { lr: 0.01, warmupSteps: 8, totalSteps: 80, kind: "cosine" } as const;
  expect(rates({})).toEqual(Array.from({ length: 80 }, (_, step) => learningRate(step, schedule)));
});

test("each cycle has the schedule of a run of its length", () => {
  const all = rates({ restarts: 2, warmup: 0.5 });
  // Ten epochs in three cycles: 3, 4 and 3 epochs.
  const cycle = (epochs: number) =>
    Array.from({ length: 8 * epochs }, (_, step) =>
      rateAt(step, 0.01, recipeWith({ warmup: 0.5 }), { epochs, stepsOfEpoch: 8 }),
    );
  expect(all).toEqual([...cycle(3), ...cycle(4), ...cycle(3)]);
});

test("augmentation falls from full to none", () => {
  const augment = { ...TRAINING_AUGMENTATION, scales: [0.5, 0.9, 1, 1.25, 2] };
  const at = (epoch: number) => augmentAt(epoch, augment, recipeWith({ restarts: 2 }), length);
  expect(at(0)).toEqual(augment);
  expect(at(3)).toMatchObject({
    brightness: augment.brightness / 2,
    usedScales: [2, 1, 3],
    flip: augment.flip,
  });
  expect(at(9)).toMatchObject({ brightness: 0, contrast: 0, saturation: 0, channelGain: 0, usedScales: [2] });
  expect(augmentAt(9, augment, recipeWith({}), length)).toBe(augment);
});

test("only the scales left are picked, by their index in the list", () => {
  const random = () => 0.99;
  const augment = { ...TRAINING_AUGMENTATION, scales: [2, 1, 0.5] };
  expect(sampleScale(random, augment)).toBe(2);
  expect(sampleScale(random, weakened(augment, 0))).toBe(1);
});

test.each([
  [{ restarts: 10 }, /restarts is 10, but a network is trained for only 10 epochs/],
  [{ restarts: -1 }, /restarts/],
  [{ "teacher-scale": 3 }, /teacher-scale/],
  [{ "teacher-scale": 2, "live-teacher": true }, /cannot be combined/],
  [
    { "mimic-loss": "correlation", "region-form": "rois" },
    /mimic-loss correlation only works with region-form cells/,
  ],
  [{ "mimic-background": 1, "region-form": "rois" }, /mimic-background only works with region-form cells/],
  [{ "mimic-background": -1 }, /mimic-background/],
  [{ "teacher-scale": 2, side: 8000 }, /the teacher's input would have 16000 px, expected at most 8192/],
])("refuses %j", (settings, message) => {
  expect(() => recipeWith(settings)).toThrow(message);
});
