// Training leaks neither tensors nor memory.
import { expect, test } from "vitest";
import {
  BatchNorm2d,
  backward,
  Conv2d,
  clipGradNorm,
  crossEntropy,
  flatten,
  Linear,
  liveTensors,
  MaxPool2d,
  ReLU,
  releaseMemory,
  Sequential,
  scope,
  setThreads,
  sgd,
  type Tensor,
  tensor,
  zeros,
} from "../src/index.js";
import { seeded, uniform } from "./helpers.js";

const MIB = 2 ** 20;
// With maps this small, threads would only wait for each other, and long on a busy machine.
setThreads(1);

test("1,000 steps of a small convolutional net: tensors and resident memory stay level", () => {
  const random = seeded(1);
  const net = new Sequential([
    new Conv2d(3, 8, random, { kernel: 3, padding: 1, init: "kaiming" }),
    new BatchNorm2d(8),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(8, 24, random, { kernel: 3, padding: 1, init: "kaiming" }),
    new BatchNorm2d(24),
    new ReLU(),
    new MaxPool2d(2),
  ]);
  const head = new Linear(24 * 64, 4, random);
  const parameters = [...net.parameters(), ...head.parameters()];
  const optimizer = sgd([{ parameters, weightDecay: 1e-4 }]);
  const pixels = uniform(4 * 3 * 32 * 32, random);
  const labels = BigInt64Array.of(0n, 1n, 2n, 3n);
  const step = () =>
    scope(() => {
      const logits = head.forward(flatten(net.forward(tensor(pixels, [4, 3, 32, 32])), 1));
      const loss = crossEntropy(logits, tensor(labels));
      backward(loss);
      clipGradNorm(parameters, 10);
      optimizer.step(0.01);
      optimizer.zeroGrad();
      return loss.item();
    });

  const first = step();
  let last = first;
  for (let i = 1; i < 200; i++) last = step();
  const live = liveTensors();
  const resident = process.memoryUsage().rss;
  for (let i = 200; i < 1000; i++) last = step();
  expect(last).toBeLessThan(first / 10);
  expect(liveTensors()).toBe(live);
  // Leaking a single 4 x 8 x 32 x 32 float map per step would already add up to 100 MiB.
  expect((process.memoryUsage().rss - resident) / MIB).toBeLessThan(24);
});

test("a freed large block is reused, regardless of small ones allocated in between", () => {
  const kept: Tensor[] = [];
  const large = 2 ** 23;
  let resident = 0;
  for (let i = 0; i < 40; i++) {
    if (i === 10) resident = process.memoryUsage.rss();
    zeros([large + 16 * (i % 3)]).dispose();
    for (let length = 4; length <= 20; length += 2) kept.push(tensor(new Float32Array(length)));
  }
  // Each of the 30 blocks is 32 MiB: with glibc's aligned blocks, each could be a new allocation.
  expect(process.memoryUsage.rss() - resident).toBeLessThan(100 * MIB);
  for (const small of kept) small.dispose();
});

test.runIf(process.platform === "linux")(
  "releaseMemory returns what was freed, below blocks still in use too",
  () => {
    const large = zeros([2 ** 25]);
    const kept = zeros([2 ** 10]);
    const resident = process.memoryUsage.rss();
    large.dispose();
    expect(process.memoryUsage.rss()).toBeGreaterThan(resident - 10 * MIB);
    releaseMemory();
    expect(process.memoryUsage.rss()).toBeLessThan(resident - 100 * MIB);
    kept.dispose();
  },
);
