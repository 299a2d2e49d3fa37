// Cases that trained detectors on photographs do not meet: every kind, the same boxes from libtorch and from the model file.
import type { RawImage } from "@qmimic/runtime";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { DETECTORS } from "../../src/models/index.js";
import { expectSameDetections } from "./parity.js";
import { pruned, untrainedDetector } from "./untrained.js";

function noise(width: number, height: number): RawImage {
  const random = createRandom(`${width} x ${height}`);
  return { data: Uint8Array.from({ length: 3 * width * height }, () => 256 * random()), width, height };
}

const PICTURES: Record<string, RawImage> = {
  "odd sides": noise(97, 61),
  "one pixel": noise(1, 1),
  "one row": noise(300, 1),
  tall: noise(20, 900),
  "of the input's size": noise(96, 96),
  black: { data: new Uint8Array(3 * 50 * 40), width: 50, height: 40 },
};
const CLASSES = Array.from({ length: 80 }, (_, i) => `class ${i}`);

/** Everywhere the same, so that neighbouring boxes have one score; Winograd's algorithm rounds them apart, and others survive. */
const FLAT = ["one pixel", "black"];

interface Case {
  classes?: string[];
  changes: Record<string, unknown>;
  pruned?: boolean;
  /** Names of pictures that are left out. */
  without?: readonly string[];
}

const DETECTORS_UNDER_TEST: Record<string, Case> = {
  "as usual": { changes: {} },
  "80 classes": { classes: CLASSES, changes: {} },
  "more detections than usual, none suppressed": { changes: { boxDetections: 400, boxNms: 1, boxVote: 1 } },
  "hardly any proposals": { changes: { rpnPreNms: 3, rpnPostNms: 2, preNms: 2 } },
  "a score that nothing reaches": { changes: { boxScore: 0.999 } },
  "a uniform dictionary": { changes: { quantizer: { kind: "uniform", stride: 0.4 } } },
  "depthwise-separable layers": { changes: { convolution: "separable", backbone: "vgg-1-24.5" } },
  "layers in groups": {
    changes: { convolution: "grouped", convolutionGroups: 4, backbone: "resnet18-1-32" },
  },
  "layers of uneven widths": { changes: { backbone: "vgg-1-16" }, pruned: true },
  "maps wide enough for Winograd's algorithm": {
    changes: { side: 256, backbone: "vgg-1-32" },
    without: FLAT,
  },
  "powers of two": { changes: { quantizer: { kind: "power-of-two", minExponent: -3, maxExponent: 2 } } },
};

describe.each(DETECTORS)("%s", (kind) => {
  test.each(Object.entries(DETECTORS_UNDER_TEST))("%s", async (name, { without = [], ...one }) => {
    const whole = untrainedDetector(kind, one.classes, one.changes);
    const detector = one.pruned ? pruned(whole) : whole;
    let compared = 0;
    for (const [title, picture] of Object.entries(PICTURES))
      if (!without.includes(title)) compared += await expectSameDetections(detector, [picture]);
    if (name.startsWith("a score")) expect(compared).toBe(0);
    else expect(compared).toBeGreaterThan(10);
    for (const used of new Set([whole, detector])) used.dispose();
  });
});
