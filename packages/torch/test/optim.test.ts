// Optimizers, gradient clipping and schedules against PyTorch's (fixtures/make_fixtures.py).
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  adamW,
  backward,
  clipGradNorm,
  joinOptimizers,
  learningRate,
  linear,
  matmul,
  mean,
  mul,
  muon,
  type Optimizer,
  permute,
  relu,
  scope,
  sgd,
  sub,
  type Tensor,
  tensor,
} from "../src/index.js";
import { orthogonalized } from "../src/optim/muon.js";
import { expectClose, type Packed, seeded } from "./helpers.js";

interface Trajectory {
  losses: number[];
  steps: Record<string, Packed>[];
  clip?: number;
  norms?: number[];
}

const optim = JSON.parse(readFileSync(new URL("./fixtures/optim.json", import.meta.url), "utf8"));
const unpack = ({ shape, data }: Packed): Tensor => tensor(Float32Array.from(data), shape);

/** Runs the fixture's problem, mean((relu(x w1^T + b1) w2^T - y)^2), and compares each step. */
function follow(expected: Trajectory, lr: number, create: (parameters: Tensor[]) => Optimizer): void {
  scope(() => {
    const [x, y] = [unpack(optim.x), unpack(optim.y)];
    const [w1, b1, w2] = ["w1", "b1", "w2"].map((name) => unpack(optim.params[name]));
    const parameters: Record<string, Tensor> = { w1, b1, w2 };
    for (const parameter of Object.values(parameters)) parameter.requiresGrad = true;
    const optimizer = create([w1, b1, w2]);
    for (const [i, after] of expected.steps.entries()) {
      const gap = sub(matmul(relu(linear(x, w1, b1)), permute(w2, [1, 0])), y);
      const loss = mean(mul(gap, gap));
      expect(loss.item()).toBeCloseTo(expected.losses[i], 5);
      optimizer.zeroGrad();
      backward(loss);
      if (expected.clip !== undefined) {
        const norm = clipGradNorm([w1, b1, w2], expected.clip);
        expect(norm).toBeCloseTo(expected.norms![i], 5);
      }
      optimizer.step(lr);
      for (const [name, { data }] of Object.entries(after)) {
        expectClose(parameters[name].toFloat32(), data, 1e-5, `step ${i}, ${name}`);
      }
    }
    for (const moment of optimizer.state().values()) moment.dispose();
  });
}

describe("optimizers take the same steps as PyTorch's", () => {
  const momentumSgd = (parameters: Tensor[]) => {
    const { momentum, weightDecay } = optim.sgd.options;
    return sgd([{ parameters, weightDecay }], { momentum });
  };
  test("sgd with momentum and weight decay", () => follow(optim.sgd, optim.sgd.options.lr, momentumSgd));
  test("sgd with clipped gradients", () =>
    follow(optim.sgdClipped, optim.sgdClipped.options.lr, momentumSgd));
  test("adamW", () => {
    const { lr, weightDecay } = optim.adamw.options;
    const [beta1, beta2] = optim.adamw.options.betas;
    follow(optim.adamw, lr, (parameters) =>
      adamW([{ parameters, weightDecay }], { beta1, beta2, eps: optim.adamw.options.eps }),
    );
  });
});

test("muon for the matrices, joined with sgd for the bias, follows the papers' formulas", () => {
  const { lr, momentum, weightDecay } = optim.muon.options;
  follow(optim.muon, lr, ([w1, b1, w2]) =>
    joinOptimizers(
      muon([{ parameters: [w1, w2], weightDecay }], { momentum }),
      sgd([{ parameters: [b1], weightDecay: 0 }], { momentum: 0 }),
    ),
  );
});

test.each([
  [3, 20],
  [20, 3],
  [1, 5],
])("orthogonalized [%i, %i]: singular vectors stay, singular values are near 1", (rows, columns) => {
  scope(() => {
    const random = seeded(rows);
    const numbers = Float32Array.from({ length: rows * columns }, () => random() - 0.5);
    const from = tensor(numbers, [rows, columns]);
    const x = orthogonalized(from);
    expect(x.shape).toEqual([rows, columns]);
    const gramOf = (a: Tensor, b: Tensor) =>
      rows < columns ? matmul(a, permute(b, [1, 0])) : matmul(permute(a, [1, 0]), b);
    const side = Math.min(rows, columns);
    const gram = gramOf(x, x).toFloat32();
    // The product of U f(S) V^T and U S V^T is symmetric only if both have the same U and V.
    const both = gramOf(x, from).toFloat32();
    for (let i = 0; i < side; i++) {
      expect(gram[i * side + i]).toBeGreaterThan(0.68 ** 2);
      expect(gram[i * side + i]).toBeLessThan(1.21 ** 2);
      for (let j = 0; j < i; j++) {
        expect(Math.abs(gram[i * side + j])).toBeLessThan(0.5);
        expect(both[i * side + j]).toBeCloseTo(both[j * side + i], 4);
      }
    }
  });
});

test("joined optimizers must name their moments differently", () => {
  scope(() => {
    const of = () => adamW([{ parameters: [tensor([1])], weightDecay: 0 }]);
    const [one, other] = [of(), of()];
    expect(() => joinOptimizers(one, other)).toThrow(/two optimizers have moments named "count"/);
    for (const moment of [...one.state().values(), ...other.state().values()]) moment.dispose();
  });
});

test("muon rejects a bias, and does not change a weight without gradient", () => {
  scope(() => {
    const bias = tensor([1, 2]);
    expect(() => muon([{ parameters: [bias], weightDecay: 0 }])).toThrow(/muon: a parameter has shape \[2\]/);
    const weight = tensor([1, 2], [1, 2]);
    const optimizer = muon([{ parameters: [weight], weightDecay: 0.5 }]);
    optimizer.step(0.1);
    expect([...weight.toFloat32()]).toEqual([1, 2]);
    for (const moment of optimizer.state().values()) moment.dispose();
  });
});

test("a parameter without gradient does not change", () => {
  scope(() => {
    const [used, unused] = [tensor([1, 2]), tensor([3])];
    used.requiresGrad = true;
    unused.requiresGrad = true;
    const optimizer = sgd([{ parameters: [unused, used], weightDecay: 0.5 }]);
    backward(mean(used));
    optimizer.step(0.1);
    expect([...unused.toFloat32()]).toEqual([3]);
    expect(used.toFloat32()[0]).toBeCloseTo(1 - 0.1 * (0.5 + 0.5));
    for (const moment of optimizer.state().values()) moment.dispose();
  });
});

test("zeroGrad removes the gradients", () => {
  scope(() => {
    const one = tensor([1, 2]);
    one.requiresGrad = true;
    const optimizer = sgd([{ parameters: [one], weightDecay: 0 }]);
    backward(mean(one));
    expect(one.grad).not.toBeNull();
    optimizer.zeroGrad();
    expect(one.grad).toBeNull();
    for (const moment of optimizer.state().values()) moment.dispose();
  });
});

interface Schedule {
  kind: "cosine" | "step";
  base: number;
  steps: number;
  warmup: number;
  milestones?: number[];
  rates: number[];
}

describe("schedules", () => {
  test.each(optim.schedules as Schedule[])("$kind, after the warm-up, is PyTorch's", (schedule) => {
    const { kind, base, steps, warmup, rates, milestones = [] } = schedule;
    const options = {
      lr: base,
      warmupSteps: warmup,
      totalSteps: steps,
      kind,
      milestones: milestones.map((at) => at / steps),
    };
    for (let i = warmup; i < steps; i++) expect(learningRate(i, options)).toBeCloseTo(rates[i], 10);
  });

  test("the warm-up rises by equal steps to the full rate", () => {
    const options = { lr: 1, warmupSteps: 4, totalSteps: 10, kind: "constant" } as const;
    const rates = [0, 1, 2, 3, 4, 9].map((step) => learningRate(step, options));
    [0.2, 0.4, 0.6, 0.8, 1, 1].forEach((rate, i) => {
      expect(rates[i]).toBeCloseTo(rate, 12);
    });
  });

  test("cosine ends near 0, constant does not fall", () => {
    const options = { lr: 1, warmupSteps: 0, totalSteps: 100 };
    expect(learningRate(99, { ...options, kind: "cosine" })).toBeLessThan(0.001);
    expect(learningRate(99, { ...options, kind: "constant" })).toBe(1);
  });
});
