// The detector against torchvision's Faster R-CNN with the same weights: maps, proposals, detections, losses, gradients.
import type { RegionsDecoder } from "@qmimic/runtime";
import { add, backward, scope } from "@qmimic/torch";
import { expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import type { Detector } from "../../src/models/index.js";
import type { RegionHead } from "../../src/models/twoStage/regionHead.js";
import { matchProposals, sampleRegions } from "../../src/models/twoStage/regionSamples.js";
import type { Rpn } from "../../src/models/twoStage/rpn.js";
import {
  config,
  createDetector,
  everything,
  expectClose,
  fixture,
  inputImages,
  numbers,
  placed,
  sizes,
  targets,
} from "./torchvision.js";

const detector = createDetector();
const { rpn, head, decoder } = detector as unknown as {
  rpn: Rpn;
  head: RegionHead;
  decoder: RegionsDecoder;
};
const { evaluation, training } = fixture;

const proposalsOf = (model: Detector) =>
  scope(() => {
    const output = rpn.forward(model.features(inputImages()));
    return rpn.proposals(output, placed, decoder.proposals);
  });

test("tensors have torchvision's names and shapes", () => {
  const shapes = Object.entries(fixture.state).map(([name, { shape }]) => `${name} ${shape}`);
  expect(
    detector
      .named()
      .map((one) => `${one.name} ${one.tensor.shape}`)
      .sort(),
  ).toEqual(shapes.sort());
});

test("the backbone's map, and the RPN's logits, offsets and anchors", () => {
  scope(() => {
    const features = detector.features(inputImages());
    expect(features.shape).toEqual(evaluation.features.shape);
    expectClose(features.toFloat32(), numbers(evaluation.features));
    const output = rpn.forward(features);
    expectClose(output.logits.toFloat32(), numbers(evaluation.rpnLogits));
    expectClose(output.deltas.toFloat32(), numbers(evaluation.rpnDeltas));
    expectClose(output.anchors, numbers(evaluation.anchors));
  });
});

test("proposals, in torchvision's order", () => {
  for (const [image, boxes] of proposalsOf(detector).entries()) {
    expectClose(boxes, numbers(evaluation.proposals[image]));
  }
});

test("proposals below rpnScore are left out", () => {
  const all = proposalsOf(detector);
  const logits = numbers(evaluation.rpnLogits);
  const twentieth = logits
    .subarray(0, logits.length / 3)
    .toSorted()
    .at(-20)!;
  decoder.proposals.score = 1 / (1 + Math.exp(-twentieth));
  const few = proposalsOf(detector);
  decoder.proposals.score = 0;
  expect(few.map((list) => list.length)).not.toEqual(all.map((list) => list.length));
  for (const [image, boxes] of few.entries()) expect(boxes).toEqual(all[image].subarray(0, boxes.length));
});

test("proposals stay where the image is placed", () => {
  scope(() => {
    const output = rpn.forward(detector.features(inputImages()));
    const inside = Float32Array.from(sizes.flatMap(() => [16, 8, 40, 32]));
    for (const boxes of rpn.proposals(output, inside, decoder.proposals)) {
      expect(boxes.length).toBeGreaterThan(0);
      for (let k = 0; k < boxes.length; k += 4) {
        expect(boxes[k]).toBeGreaterThanOrEqual(16);
        expect(boxes[k + 1]).toBeGreaterThanOrEqual(8);
        expect(boxes[k + 2]).toBeLessThanOrEqual(40);
        expect(boxes[k + 3]).toBeLessThanOrEqual(32);
      }
    }
  });
});

test("class logits and offsets of the proposals", () => {
  scope(() => {
    const { logits, deltas } = head.forward(
      detector.features(inputImages()),
      evaluation.proposals.map(numbers),
    );
    expectClose(logits.toFloat32(), numbers(evaluation.classLogits));
    expectClose(deltas.toFloat32(), numbers(evaluation.boxDeltas));
  });
});

test("detections", () => {
  const found = scope(() => detector.detect(inputImages(), sizes));
  for (const [image, { boxes, labels, scores }] of found.entries()) {
    const expected = evaluation.detections[image];
    expect([...labels]).toEqual(expected.labels);
    expectClose(scores, numbers(expected.scores));
    expectClose(boxes, numbers(expected.boxes));
  }
});

/** Rows of a sampled image as text, in an order of their own: ours come objects first, torchvision's as they lie. */
const rows = (boxes: Float32Array, labels: ArrayLike<number>): string[] =>
  Array.from(labels as ArrayLike<number>, (label, i) => {
    const box = Array.from(boxes.subarray(4 * i, 4 * i + 4), (side) => side.toFixed(3));
    return `${label}: ${box}`;
  }).sort();

test("sampled proposals, their labels and regression targets", () => {
  const random = createRandom("sampling");
  const candidates = matchProposals(proposalsOf(detector), targets, everything);
  const sampled = sampleRegions(candidates, everything, config.boxWeights, random);
  for (const [image, boxes] of sampled.boxes.entries()) {
    expect(rows(boxes, sampled.labels[image])).toEqual(
      rows(numbers(training.rois[image]), training.roiLabels[image]),
    );
    const objects = sampled.labels[image].filter((label) => label > 0).length;
    expectClose(
      sampled.offsets[image].subarray(0, 4 * objects),
      numbers(training.roiRegressionTargets[image]),
    );
  }
});

test("losses, and the gradient of every parameter", () => {
  scope(() => {
    const { losses } = detector.trainingPass(everything)(
      { images: inputImages(), placed, targets },
      createRandom("losses"),
    );
    const expected = training.losses;
    expect(losses.rpnClass.item()).toBeCloseTo(expected.loss_objectness, 5);
    expect(losses.rpnBox.item()).toBeCloseTo(expected.loss_rpn_box_reg, 7);
    expect(losses.boxClass.item()).toBeCloseTo(expected.loss_classifier, 5);
    expect(losses.boxBox.item()).toBeCloseTo(expected.loss_box_reg, 5);
    backward(add(add(losses.rpnClass, losses.rpnBox), add(losses.boxClass, losses.boxBox)));
    const trained = detector.named().filter((one) => one.trained);
    expect(trained.map((one) => one.name).sort()).toEqual(Object.keys(training.gradients).sort());
    for (const { name, tensor } of trained) {
      expect(tensor.grad, name).not.toBeNull();
      expectClose(tensor.grad!.toFloat32(), numbers(training.gradients[name]), 2e-5);
    }
  });
});
