// Modules: names, training mode, and what the layers compute.
import { expect, test } from "vitest";
import {
  BatchNorm2d,
  backward,
  Conv2d,
  conv2d,
  countMultiplyAdds,
  gradientsAt,
  Identity,
  keep,
  Linear,
  MaxPool2d,
  maxPool2d,
  mul,
  observeOperators,
  operator,
  ReLU,
  relu,
  Sequential,
  scope,
  setPrecision,
  sum,
  type Tensor,
  tensor,
  withShapes,
  zeros,
} from "../src/index.js";
import { expectClose, seeded, uniform } from "./helpers.js";

test("a sequence names its tensors as PyTorch does", () => {
  const net = new Sequential([
    new Conv2d(3, 4, seeded(1), { kernel: 3 }),
    new BatchNorm2d(4),
    new ReLU(),
    new Linear(4, 2, seeded(2)),
  ]);
  expect(net.named().map(({ name, tensor: one, trained }) => `${name} ${one.shape} ${trained}`)).toEqual([
    "0.weight 4,3,3,3 true",
    "0.bias 4 true",
    "1.weight 4 true",
    "1.bias 4 true",
    "1.running_mean 4 false",
    "1.running_var 4 false",
    "3.weight 2,4 true",
    "3.bias 2 true",
  ]);
  expect(net.parameters()).toHaveLength(6);
});

test("train and eval reach every module inside", () => {
  const norm = new BatchNorm2d(2);
  const net = new Sequential([new Sequential([norm])]);
  expect(norm.training).toBe(true);
  net.eval();
  expect(norm.training).toBe(false);
  net.train();
  expect(norm.training).toBe(true);
});

test("a sequence with fused batch norm, ReLU and pooling equals its layers run one by one", () => {
  const random = seeded(3);
  const norm = new BatchNorm2d(5);
  const net = new Sequential([
    new Conv2d(3, 5, random, { kernel: 3, padding: 1 }),
    norm,
    new ReLU(),
    new MaxPool2d(2),
    new Identity(),
  ]);
  net.eval();
  scope(() => {
    const x = tensor(uniform(2 * 3 * 9 * 12, random), [2, 3, 9, 12]);
    const [weight, bias] = net.named().map((one) => one.tensor);
    const plain = maxPool2d(relu(norm.forward(conv2d(x, weight, bias, { padding: 1 }))), 2);
    const fused = net.forward(x);
    expect(fused.shape).toEqual([2, 5, 4, 6]);
    expectClose(fused.toFloat32(), plain.toFloat32(), 1e-5);
  });
});

test("the same seed gives the same weights, with the requested std", () => {
  const make = (init: "kaiming" | "torch" | number) =>
    new Conv2d(16, 32, seeded(7), { kernel: 3, init }).weight.toFloat32();
  expect(make("kaiming")).toEqual(make("kaiming"));
  const std = (values: Float32Array) =>
    Math.sqrt(values.reduce((all, value) => all + value * value, 0) / values.length);
  expect(std(make("kaiming"))).toBeCloseTo(Math.sqrt(2 / (32 * 9)), 2);
  expect(std(make(0.01))).toBeCloseTo(0.01, 3);
  expect(Math.max(...make("torch"))).toBeLessThanOrEqual(1 / Math.sqrt(16 * 9));
});

test("multiply-adds are counted on request", () => {
  const net = new Sequential([
    new Conv2d(3, 8, seeded(1), { kernel: 3, padding: 1, stride: 2 }),
    new Conv2d(8, 8, seeded(2), { kernel: 3, padding: 1, groups: 8 }),
  ]);
  const line = new Linear(10, 6, seeded(3));
  scope(() => {
    const counted = countMultiplyAdds(() => {
      net.forward(zeros([1, 3, 10, 12]));
      line.forward(zeros([2, 10]));
    });
    expect(counted).toBe(8 * 5 * 6 * 27 + 8 * 5 * 6 * 9 + 2 * 60);
  });
});

test("channels that are not multiples of the groups are rejected", () => {
  expect(() => new Conv2d(3, 4, seeded(1), { kernel: 3, groups: 2 })).toThrow(
    /3 -> 4 channels, expected multiples of 2/,
  );
});

test("in bfloat16 wide layers train nearly as in float32, and evaluate exactly so", () => {
  const random = seeded(8);
  const net = new Sequential([
    new Conv2d(32, 32, random, { kernel: 3, padding: 1, init: "kaiming" }),
    new BatchNorm2d(32),
    new ReLU(),
    new Conv2d(32, 4, random, { kernel: 1 }),
  ]);
  const x = tensor(uniform(2 * 32 * 8 * 8, random), [2, 32, 8, 8]);
  const pass = () =>
    scope(() => {
      const y = net.forward(x);
      if (net.training) backward(sum(mul(y, y)));
      const gradients = net.parameters().map((one) => one.grad?.toFloat32() ?? new Float32Array());
      for (const one of net.parameters()) one.clearGrad();
      return { dtype: y.dtype, values: y.toFloat32(), gradients };
    });
  const both = () => {
    try {
      const full = pass();
      setPrecision("bfloat16");
      return { full, half: pass() };
    } finally {
      setPrecision("float32");
    }
  };
  const { full, half } = both();
  expect(half.dtype).toBe("float32");
  expect(half.values).not.toEqual(full.values);
  const scale = (values: Float32Array) => values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  [half.values, ...half.gradients].forEach((values, i) => {
    const expected = [full.values, ...full.gradients][i];
    // The gradient of the bias before batch norm is only rounding error.
    if (i === 2) return;
    expect(scale(values.map((value, k) => value - expected[k]))).toBeLessThan(0.08 * scale(expected));
  });
  net.eval();
  const evaluated = both();
  expect(evaluated.half.values).toEqual(evaluated.full.values);
});

test("a network is built with other shapes than its constructor's, and runs", () => {
  const build = () =>
    new Sequential([
      new Conv2d(3, 8, random, { kernel: 3, padding: 1, init: "kaiming", bias: false }),
      new BatchNorm2d(8),
      new Conv2d(8, 8, random, { kernel: 3, padding: 1, groups: 8 }),
      new Conv2d(8, 4, random, { kernel: 1 }),
    ]);
  const random = () => 0.25;
  const channels = {
    "0.weight": [5, 3, 3, 3],
    "2.weight": [5, 1, 3, 3],
    "2.bias": [5],
    "3.weight": [4, 5, 1, 1],
  };
  const norm = ["weight", "bias", "running_mean", "running_var"].map((name) => [`1.${name}`, [5]]);
  const network = withShapes(build, { ...channels, ...Object.fromEntries(norm) });
  const conv = network.modules[2] as Conv2d;
  expect([conv.inChannels, conv.outChannels]).toEqual([5, 5]);
  scope(() => {
    const image = zeros([1, 3, 6, 6]);
    expect(network.eval().forward(image).shape).toEqual([1, 4, 6, 6]);
    const adds = countMultiplyAdds(() => void network.forward(image));
    expect(adds).toBe(36 * (5 * 27 + 5 * 9 + 4 * 5));
  });
  // Networks built later are not affected.
  expect((withShapes(build, {}).modules[0] as Conv2d).outChannels).toBe(8);
  expect(() => withShapes(build, { "9.weight": [1] })).toThrow('the network has no tensor "9.weight"');
  expect(() => withShapes(build, { "0.weight": [5, 3] })).toThrow(
    'tensor "0.weight" is 5 x 3, expected 4 dimensions',
  );
  network.dispose();
});

test("operators are observed while their tensors exist; gradients of several tensors come from one pass", () => {
  scope(() => {
    const x = tensor([1, -2, 3]);
    x.requiresGrad = true;
    const seen: string[] = [];
    let held: Tensor | undefined;
    const same = operator("aten::to.dtype");
    const loss = observeOperators(
      ({ name, result }) => {
        seen.push(`${name} ${(result as Tensor).toFloat32().join(" ")}`);
        // This call is not observed.
        if (name === "aten::relu") held = keep(same(result as Tensor, "float32"));
      },
      () =>
        scope(() => {
          const y = relu(x);
          return sum(mul(y, y));
        }),
    );
    expect(seen).toEqual(["aten::relu 1 0 3", "aten::mul.Tensor 1 0 9", "aten::sum 10"]);
    const [ofX, ofHeld] = gradientsAt(loss, [x, held!]).map((one) => one && [...one.toFloat32()]);
    expect(ofX).toEqual([2, 0, 6]);
    expect(ofHeld).toEqual([2, 0, 6]);
    held!.dispose();
  });
});
