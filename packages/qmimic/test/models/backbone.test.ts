// Backbones: torchvision's names and shapes at full width, published sizes, output shapes, quantizers.
import { readFileSync } from "node:fs";
import { backward, type Module, noGrad, operator, scope, slice, sum, tensor, zeros } from "@qmimic/torch";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { createBackbone } from "../../src/models/backbones/backbone.js";
import { type DetectorConfig, narrowed, parseBackbone } from "../../src/models/config.js";
import { applyQuantizer } from "../../src/models/quantizer.js";

const torchvision: Record<string, Record<string, number[]>> = JSON.parse(
  readFileSync(new URL("../fixtures/parameters.json", import.meta.url), "utf8"),
);

const zero = operator("aten::zero_");

const size = (shape: number[]) => shape.reduce((product, side) => product * side, 1);

/** Builds a network for `body` alone: the wide ones take 60 to 85 MB. */
function withNetwork<T>(
  name: string,
  outputStride: DetectorConfig["outputStride"],
  body: (network: Module & { outChannels: number }) => T,
): T {
  const network = createBackbone({ backbone: name, outputStride, neck: "none" }, () => 0.5);
  try {
    return body(network);
  } finally {
    network.dispose();
  }
}

test.each([
  ["vgg", "vgg16_bn"],
  ["resnet18", "resnet18"],
  ["resnet34", "resnet34"],
])("%s has the names and shapes of torchvision's %s", (name, original) => {
  const expected = Object.entries(torchvision[original])
    .filter(([tensorName]) => !tensorName.endsWith("num_batches_tracked"))
    .map(([tensorName, shape]) => `${tensorName} ${shape}`);
  const actual = withNetwork(name, 16, (network) =>
    network.named().map((one) => `${one.name} ${one.tensor.shape}`),
  );
  expect(actual.sort()).toEqual(expected.sort());
});

// METHOD, "Sizes". VGG: convolutions with bias, batch norm not counted; ResNet: convolutions and batch norm.
test.each([
  ["vgg", 14_714_688],
  ["vgg-1-4", 920_784],
  ["vgg-1-16", 57_828],
  ["vgg-1-32", 14_550],
  ["resnet18", 11_176_512],
  ["resnet18-1-16", 44_772],
])("%s has %i parameters", (name, expected) => {
  const counted = withNetwork(name, 16, (network) => {
    const trained = network.named().filter((one) => one.trained);
    const shapes = new Map(trained.map((one) => [one.name, one.tensor.shape]));
    const isConvolution = (layer: string) => shapes.get(`${layer}.weight`)!.length === 4;
    const layerOf = (tensorName: string) => tensorName.slice(0, tensorName.lastIndexOf("."));
    return trained
      .filter((one) => name.startsWith("resnet") || isConvolution(layerOf(one.name)))
      .reduce((sum, one) => sum + size(one.tensor.shape), 0);
  });
  expect(counted).toBe(expected);
});

describe("output", () => {
  const cases = ["vgg-1-32", "resnet18-1-16", "resnet34-1-32"].flatMap((name) =>
    ([4, 8, 16] as const).map((stride) => [name, stride] as const),
  );
  test.each(cases)("%s at stride %i", (name, stride) => {
    withNetwork(name, stride, (network) => {
      const features = createBackbone(
        { backbone: name, outputStride: stride, neck: "none" },
        createRandom(1),
      );
      scope(() => {
        const map = noGrad(() => features.eval().forward(zeros([2, 3, 64, 96])));
        expect(map.shape).toEqual([2, network.outChannels, 64 / stride, 96 / stride]);
      });
      features.dispose();
    });
  });
});

test.each([
  ["vgg-1-32", 4],
  ["vgg-1-32", 8],
  ["resnet18-1-16", 4],
] as const)(
  "%s with a top-down neck at stride %i sees the whole image, coarsely",
  (backbone, outputStride) => {
    const network = createBackbone({ backbone, outputStride, neck: "top-down" }, createRandom(1));
    const plain = createBackbone({ backbone, outputStride, neck: "none" }, createRandom(1));
    const reach = (of: typeof network) =>
      scope(() => {
        const x = tensor(Float32Array.from({ length: 3 * 256 * 64 }, createRandom("x")), [1, 3, 64, 256]);
        x.requiresGrad = true;
        const map = of.eval().forward(x);
        expect(map.shape).toEqual([1, of.outChannels, 64 / outputStride, 256 / outputStride]);
        // The gradient of the middle cells of the map reaches as many pixels as they see.
        backward(sum(slice(map, 3, 128 / outputStride, 128 / outputStride + 1)));
        const gradient = x.grad!.toFloat32();
        return new Set([...gradient.keys()].filter((i) => gradient[i] !== 0).map((i) => i % 256)).size;
      });
    expect(reach(network)).toBeGreaterThan(1.3 * reach(plain));
    expect(new Set(network.named().map((one) => one.name)).size).toBe(network.named().length);
    for (const one of [network, plain]) one.dispose();
  },
);

test.each([
  ["vgg-1-32", 4],
  ["resnet18-1-16", 8],
] as const)(
  "%s with a detail path at stride %i: what the trunk does not pass on still arrives",
  (backbone, outputStride) => {
    const withDetail = createBackbone({ backbone, outputStride, neck: "detail" }, createRandom(1));
    const without = createBackbone({ backbone, outputStride, neck: "top-down" }, createRandom(1));
    const weights = (of: typeof withDetail) =>
      of
        .named()
        .filter(({ name }) => !name.startsWith("detail."))
        .map((one) => [one.name, one.tensor.toFloat32()]);
    // The rest of the network has the very weights that it has without.
    expect(weights(withDetail)).toEqual(weights(without));
    const gradientReaches = (of: typeof withDetail) =>
      scope(() => {
        // All that comes from the trunk is nothing.
        for (const { name, tensor: one } of of.named()) if (/^lateral/.test(name)) noGrad(() => zero(one));
        const x = tensor(Float32Array.from({ length: 3 * 64 * 64 }, createRandom("x")), [1, 3, 64, 64]);
        x.requiresGrad = true;
        const map = of.eval().forward(x);
        expect(map.shape).toEqual([1, of.outChannels, 64 / outputStride, 64 / outputStride]);
        backward(sum(map));
        return x.grad!.toFloat32().some((value) => value !== 0);
      });
    expect(gradientReaches(withDetail)).toBe(true);
    expect(gradientReaches(without)).toBe(false);
    for (const one of [withDetail, without]) one.dispose();
  },
);

test.each(["separable", "grouped"] as const)("%s layers: every 3x3 but those on the image", (convolution) => {
  const config = { backbone: "vgg-1-16", outputStride: 4, neck: "detail" } as const;
  const kind = { convolution, convolutionGroups: 4 };
  const plain = createBackbone(config, createRandom(1));
  const network = createBackbone({ ...config, ...kind }, createRandom(1));
  const shapes = new Map(network.named().map((one) => [one.name, one.tensor.shape]));
  let replaced = 0;
  for (const { name, tensor: weight } of plain.named()) {
    const [out, channels, kernel] = weight.shape;
    if (weight.shape.length === 1) continue;
    if (kernel !== 3 || channels === 3) expect(shapes.get(name)).toEqual(weight.shape);
    else {
      const at = (layer: string) => shapes.get(name.replace(/weight$/, `${layer}.weight`));
      expect(at("spatial")).toEqual([channels, convolution === "separable" ? 1 : channels / 4, 3, 3]);
      expect(at("pointwise")).toEqual([out, channels, 1, 1]);
      replaced++;
    }
  }
  expect(replaced).toBe(12 + 1 + 3);
  for (const one of [plain, network]) one.dispose();
});

test("channels of grouped layers are multiples of the groups, where there are as many", () => {
  const network = createBackbone(
    {
      ...{ backbone: "resnet18-1-13", outputStride: 8, neck: "top-down" },
      ...{ convolution: "grouped", convolutionGroups: 4 },
    },
    () => 0.5,
  );
  for (const { name, tensor: weight } of network.named())
    if (/spatial\.weight$/.test(name)) expect(weight.shape[0] / weight.shape[1], name).toBe(4);
  expect(network.outChannels).toBe(40);
  network.dispose();
  expect([2, 5, 13].map((width) => narrowed(64 * width, 64, 4))).toEqual([2, 4, 12]);
});

test("the same seed gives the same features, bit for bit", () => {
  const run = () => {
    const network = createBackbone(
      { backbone: "resnet18-1-16", outputStride: 8, neck: "none" },
      createRandom("seed"),
    );
    const random = createRandom("image");
    const pixels = Float32Array.from({ length: 3 * 64 * 64 }, random);
    const features = scope(() => network.forward(tensor(pixels, [1, 3, 64, 64])).toFloat32());
    network.dispose();
    return features;
  };
  expect(run()).toEqual(run());
});

test("names of networks are read, and others refused", () => {
  expect(parseBackbone("vgg-1-32")).toEqual({ family: "vgg", divisor: 32 });
  expect(parseBackbone("vgg16")).toEqual({ family: "vgg", divisor: 1 });
  expect(parseBackbone("resnet34-1-8")).toEqual({ family: "resnet34", divisor: 8 });
  expect(parseBackbone("vgg-1-11.5")).toEqual({ family: "vgg", divisor: 11.5 });
  for (const name of [
    "vgg-1-0",
    "vgg-1-0.5",
    "vgg-1-1.234",
    "vgg-1-2.",
    "vgg-1-65",
    "vgg-2-4",
    "resnet50-1-4",
    "VGG",
    "",
  ]) {
    expect(() => parseBackbone(name)).toThrow(`unknown network "${name}"`);
  }
});

test("features are rounded to the quantizer's dictionary", () => {
  scope(() => {
    const rounded = (quantizer: Parameters<typeof applyQuantizer>[1]) => [
      ...applyQuantizer(tensor([-1, 0.2, 0.3, 1.6, 9]), quantizer).toFloat32(),
    ];
    expect(rounded({ kind: "none" })).toEqual([-1, 0.2, 0.3, 1.6, 9].map(Math.fround));
    expect(rounded({ kind: "uniform", stride: 0.5 })).toEqual([0, 0, 0.5, 1.5, 9]);
    expect(rounded({ kind: "power-of-two", minExponent: -1, maxExponent: 2 })).toEqual([0, 0, 0.5, 2, 4]);
  });
});
