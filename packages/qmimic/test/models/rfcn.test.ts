// R-FCN's head: which map votes for what, and hard examples.
import { copy, noGrad, scope, tensor } from "@qmimic/torch";
import { afterAll, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { createRfcn, type RfcnConfig } from "../../src/models/rfcn.js";
import { lossOfEach, regionLosses } from "../../src/models/twoStage/regionLosses.js";
import {
  hardestRegions,
  matchProposals,
  type SampledRegions,
} from "../../src/models/twoStage/regionSamples.js";
import { expectClose, config as fasterRcnn } from "./torchvision.js";

const { headWidth: _, roiSize: __, ...shared } = fasterRcnn;
const config: RfcnConfig = { ...shared, detector: "r-fcn", backbone: "vgg-1-32", psSize: 3 };
const detector = createRfcn(config, createRandom("r-fcn")).eval();
afterAll(() => detector.dispose());

const fill = (name: string, value: (i: number) => number) => {
  const one = detector.named().find((each) => each.name === name);
  if (!one) throw new Error(`no tensor ${name}`);
  const { tensor: own } = one;
  noGrad(() =>
    scope(() =>
      copy(
        own,
        tensor(
          Float32Array.from({ length: own.size }, (_, i) => value(i)),
          own.shape,
        ),
      ),
    ),
  );
};

test("cell (i, j) of a region asks map (i, j) of each class, and all cells vote", () => {
  const cells = config.psSize ** 2;
  // Maps that are constant: their biases are what a cell reads.
  for (const maps of ["score_maps", "box_maps"]) {
    fill(`roi_heads.${maps}.weight`, () => 0);
    fill(`roi_heads.${maps}.bias`, (i) => 100 * Math.floor(i / cells) + (i % cells));
  }
  scope(() => {
    const boxes = [Float32Array.of(8, 8, 40, 48, 0, 0, 64, 64), Float32Array.of(16, 8, 60, 30)];
    const images = tensor(new Float32Array(2 * 3 * 64 * 64), [2, 3, 64, 64]);
    const like = { of: "regions", boxes, logits: tensor([0]), deltas: tensor([0]) } as const;
    const heads = detector.headOutputs(detector.features(images), like);
    if (heads.of !== "regions") throw new Error("regions expected");
    const votes = (count: number) => Array.from({ length: count }, (_, n) => 100 * n + (cells - 1) / 2);
    expect(heads.logits.shape).toEqual([3, 3]);
    expectClose(heads.logits.toFloat32(), [...votes(3), ...votes(3), ...votes(3)]);
    expect(heads.deltas.shape).toEqual([3, 4]);
    expectClose(heads.deltas.toFloat32(), [...votes(4), ...votes(4), ...votes(4)]);
  });
});

const sampled: SampledRegions = {
  boxes: [new Float32Array(8), new Float32Array(4)],
  labels: [Int32Array.of(2, 0), Int32Array.of(1)],
  offsets: [Float32Array.of(0.5, -1, 0.02, 0, 0, 0, 0, 0), Float32Array.of(1, 1, -2, 0.1)],
};

test.each([1, 3])("losses of each region add up to the losses of all, with %i sets of offsets", (sets) => {
  const random = createRandom("each");
  const numbers = (length: number) => Float32Array.from({ length }, () => 4 * random() - 2);
  scope(() => {
    const outputs = { logits: tensor(numbers(9), [3, 3]), deltas: tensor(numbers(12 * sets), [3, 4 * sets]) };
    const { boxClass, boxBox } = regionLosses(outputs, sampled);
    const each = lossOfEach(outputs, sampled);
    expect(each.reduce((sum, value) => sum + value, 0) / 3).toBeCloseTo(boxClass.item() + boxBox.item(), 5);
  });
});

test("hard examples are those of the largest loss, objects first, ignored ones left out", () => {
  const proposals = [
    Float32Array.of(0, 0, 10, 10, 50, 50, 60, 60, 30, 0, 40, 10, 1, 0, 10, 10, 80, 80, 90, 90),
  ];
  const target = {
    boxes: Float32Array.of(0, 0, 10, 10),
    labels: Int32Array.of(2),
    ignore: Float32Array.of(79, 79, 91, 91),
  };
  const settings = { boxHigh: 0.5, boxLow: 0.5, boxBatch: 3, boxPositives: 0.25 };
  let asked: SampledRegions | undefined;
  const candidates = matchProposals(proposals, [target], settings);
  const hard = hardestRegions(candidates, settings, [1, 1, 1, 1], (all) => {
    asked = all;
    // Objects: the two proposals on it and the object itself; then background in order.
    return Float32Array.of(0.1, 5, 0.2, 3, 4);
  });
  expect([...asked!.labels[0]]).toEqual([2, 2, 2, 0, 0]);
  expect([...hard.labels[0]]).toEqual([2, 0, 0]);
  expect([...hard.boxes[0]]).toEqual([1, 0, 10, 10, 50, 50, 60, 60, 30, 0, 40, 10]);
  expect(hard.offsets[0]).toHaveLength(12);
});
