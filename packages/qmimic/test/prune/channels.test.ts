// Which channels belong together follows from the operators that run: a detector without them computes what it would with
// these channels at 0, costs what is reckoned, and is what its file says.
import { join } from "node:path";
import { noGrad, scope, tensor } from "@qmimic/torch";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import {
  type ChannelGroup,
  createDetector,
  DETECTORS,
  type Detector,
  multiplyAdds,
  readChannels,
} from "../../src/models/index.js";
import { costOf, shrink, silence } from "../../src/prune/shrink.js";
import { loadDetector, saveDetector } from "../../src/train/weights.js";
import { temporaryFolder } from "../data/temporary.js";
import { expectSameDetections } from "../export/parity.js";
import { untrainedDetector } from "../export/untrained.js";

const root = await temporaryFolder();
const SIDE = 64;
const IMAGE = Float32Array.from({ length: 3 * SIDE * SIDE }, createRandom("image"));

function outputsOf(detector: Detector): Record<string, Float32Array> {
  return noGrad(() =>
    scope(() => {
      const outputs = detector
        .eval()
        .everyLayer(tensor(IMAGE, [1, 3, SIDE, SIDE]), [Float32Array.of(4, 4, 40, 50, 0, 20, 30, 60)]);
      return Object.fromEntries(Object.entries(outputs).map(([name, one]) => [name, one.toFloat32()]));
    }),
  );
}

const largestDifference = (a: Float32Array, b: Float32Array): number =>
  a.length === b.length ? Math.max(...a.map((value, i) => Math.abs(value - b[i]))) : Number.NaN;

/** Two thirds of the channels of each group, at random. */
function someChannels(groups: readonly ChannelGroup[]): Map<ChannelGroup, number[]> {
  const random = createRandom("channels");
  return new Map(
    groups.map((group) => {
      const kept = Array.from({ length: group.channels }, (_, i) => i).filter(() => random() < 0.67);
      return [group, kept.length > 0 ? kept : [0]];
    }),
  );
}

const NETWORKS: Record<string, Record<string, unknown>> = {
  "VGG, detail path": { backbone: "vgg-1-16", outputStride: 4, neck: "detail" },
  "VGG, separable": { backbone: "vgg-1-16", neck: "top-down", convolution: "separable" },
  ResNet: { backbone: "resnet18-1-8", neck: "none" },
  "ResNet, separable, quantized": {
    ...{ backbone: "resnet18-1-8", neck: "detail", convolution: "separable" },
    quantizer: { kind: "uniform", stride: 0.2 },
  },
};

describe.each(DETECTORS)("%s", (kind) => {
  test.each(Object.entries(NETWORKS))("%s", async (_, changes) => {
    const detector = untrainedDetector(kind, ["cat", "dog"], {
      ...changes,
      // All that there is is compared: fresh scores hardly differ.
      ...{ boxScore: 0, boxDetections: 5000 },
    });
    const channels = readChannels(detector);
    const whole = costOf(channels, (group) => group.channels);
    expect(whole).toBe(multiplyAdds(detector));
    const kept = someChannels(channels.groups);
    const pruned = shrink(detector, kept);
    expect(multiplyAdds(pruned)).toBe(costOf(channels, (group) => kept.get(group)?.length ?? group.channels));
    expect(multiplyAdds(pruned)).toBeLessThan(0.7 * whole);

    for (const [group, left] of kept) silence(group, left);
    const [expected, found] = [detector, pruned].map(outputsOf);
    for (const output of Object.keys(expected).filter((one) => one !== "features"))
      expect(largestDifference(found[output], expected[output]), output).toBeLessThan(1e-4);
    expect(pruned.backbone.outChannels).toBe(
      found.features.length / (expected.features.length / detector.backbone.outChannels),
    );

    const path = join(root, `${kind}.safetensors`);
    saveDetector(path, pruned);
    const loaded = loadDetector(path);
    expect(loaded.config).toEqual(pruned.config);
    expect(outputsOf(loaded)).toEqual(found);
    const picture = {
      data: Uint8Array.from(IMAGE.subarray(0, 3 * 40 * 50), (x) => 255 * x),
      width: 50,
      height: 40,
    };
    expect(await expectSameDetections(loaded, [picture])).toBeGreaterThan(0);
    // What is pruned can be pruned again.
    const again = readChannels(loaded);
    const twice = shrink(loaded, someChannels(again.groups));
    expect(multiplyAdds(twice)).toBeLessThan(multiplyAdds(loaded));
    for (const one of [detector, pruned, loaded, twice]) one.dispose();
  });
});

test("summands are tied; layers in groups, predictions and the image's colours stay", () => {
  const shapes = { backbone: "resnet18-1-8", neck: "none", convolution: "grouped", convolutionGroups: 4 };
  const detector = untrainedDetector("faster-rcnn", ["cat"], shapes);
  const { groups, layers } = readChannels(detector);
  const uses = groups.flatMap((group) => group.uses.map(({ name }) => name));
  expect(uses.filter((name) => /spatial|cls_|bbox_pred\.bias|conv1\.weight$/.test(name))).toEqual([
    "rpn.head.cls_logits.weight",
    "roi_heads.box_predictor.cls_score.weight",
  ]);
  for (const { name, grouped } of layers) expect(grouped).toBe(/spatial/.test(name));
  detector.dispose();

  const plain = untrainedDetector("fcos", ["cat"], { backbone: "resnet18-1-8", neck: "none" });
  const tied = readChannels(plain).groups.find(({ uses: own }) =>
    own.some(({ name }) => name === "backbone.conv1.weight"),
  )!;
  const makers = tied.uses.filter(({ name, dimension }) => dimension === 0 && /conv\d\.weight/.test(name));
  expect(makers.map(({ name }) => name).sort()).toEqual([
    "backbone.conv1.weight",
    "backbone.layer1.0.conv2.weight",
    "backbone.layer1.1.conv2.weight",
  ]);
  plain.dispose();
});

test("a file whose layers do not fit together is refused", () => {
  const path = join(root, "odd.safetensors");
  const detector = untrainedDetector("fcos", ["cat"]);
  const odd = (shapes: Record<string, number[]>) => {
    const config = { ...detector.config, shapes };
    const other = createDetector(config, createRandom(0));
    saveDetector(path, other);
    other.dispose();
    return () => loadDetector(path);
  };
  const first = "backbone.trunk.features.0";
  expect(odd({ [`${first}.weight`]: [2, 3, 3, 3] })).toThrow(
    /odd\.safetensors: .*invalid detector configuration: shapes: /,
  );
  expect(odd({ [`${first}.bias`]: [2] })).toThrow(/invalid detector configuration: shapes: /);
  expect(() => odd({ "backbone.nothing": [2] })).toThrow(
    'shapes: the network has no tensor "backbone.nothing"',
  );
  expect(() => odd({ [`${first}.weight`]: [2, 3] })).toThrow(/is 2 x 3, expected 4 dimensions/);
  detector.dispose();
});
