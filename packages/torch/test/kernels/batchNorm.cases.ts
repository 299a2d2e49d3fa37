// qmimic::batch_norm_relu against libtorch's batch norm, ReLU and max pooling one after the other.
import { expect, test } from "vitest";
import {
  type BatchNormReluOptions,
  type BatchNormTensors,
  batchNorm,
  batchNormRelu,
  maxPool2d,
  relu,
  type Tensor,
  tensor,
} from "../../src/index.js";
import { evaluate, expectClose, expectSame, type Input, seeded, sizeOf, uniform } from "../helpers.js";

function inputs(shape: number[], seed: number, mean = 0.3): Input[] {
  const random = seeded(seed);
  const channels = [shape[1]];
  return [
    { shape, data: uniform(sizeOf(shape), random, mean - 2, mean + 2) },
    { shape: channels, data: uniform(shape[1], random, 0.5, 1.5) },
    { shape: channels, data: uniform(shape[1], random) },
  ];
}

type Running = Pick<BatchNormTensors, "runningMean" | "runningVar">;

const running = (channels: number): Running => {
  const random = seeded(channels);
  return {
    runningMean: tensor(uniform(channels, random)),
    runningVar: tensor(uniform(channels, random, 0.5, 2)),
  };
};

function reference(options: BatchNormReluOptions, statistics: Running) {
  return (x: Tensor, weight: Tensor, bias: Tensor): Tensor => {
    let y = batchNorm(x, { weight, bias, ...statistics }, options);
    if (options.relu) y = relu(y);
    return options.pool ? maxPool2d(y, 2) : y;
  };
}

function compare(shape: number[], options: BatchNormReluOptions, tolerance = 2e-5, mean = 0.3): void {
  const ours = running(shape[1]);
  const what = `${shape} ${JSON.stringify(options)}`;
  expectSame(
    (x, weight, bias) => batchNormRelu(x, { weight, bias, ...ours }, options),
    reference(options, running(shape[1])),
    inputs(shape, sizeOf(shape), mean),
    { random: seeded(1), tolerance, what },
  );
  // expectSame runs the reference once more than ours, so the statistics are compared after one call each.
  const [x, weight, bias] = inputs(shape, 5, mean).map((input) => tensor(input.data, input.shape));
  const [actual, expected] = [running(shape[1]), running(shape[1])];
  batchNormRelu(x, { weight, bias, ...actual }, options);
  reference(options, expected)(x, weight, bias);
  for (const key of ["runningMean", "runningVar"] as const)
    expectClose(actual[key].toFloat32(), expected[key].toFloat32(), 1e-5, `${what}: ${key}`);
}

const flags = [false, true];
const settings = flags.flatMap((training) =>
  flags.flatMap((withRelu) =>
    flags.map((pool): BatchNormReluOptions => ({ training, relu: withRelu, pool, momentum: 0.1, eps: 1e-5 })),
  ),
);

export function batchNormCases(): void {
  for (const options of settings) {
    const { training, relu: withRelu, pool } = options;
    const name = `batchNormRelu, ${training ? "training" : "evaluation"}${withRelu ? ", relu" : ""}${pool ? ", pool" : ""}`;
    test(`${name}: matches batch norm and the layers after it, including running statistics`, () => {
      for (let channels = 1; channels <= 33; channels += 4) {
        compare([2, channels, 2 + ((channels * 5) % 11), 2 + ((channels * 7) % 37)], options);
      }
      for (const shape of [
        [3, 2, 2, 2],
        [2, 3, 5, 131],
        [2, 2, 67, 3],
      ])
        compare(shape, options);
    });
  }

  test("batchNormRelu takes momentum and eps", () => {
    compare([2, 3, 6, 7], { training: true, relu: false, pool: false, momentum: 0.37, eps: 0.02 });
  });

  test("batchNormRelu stays exact far from zero", () => {
    compare(
      [2, 3, 16, 16],
      { training: true, relu: false, pool: false, momentum: 0.1, eps: 1e-5 },
      3e-4,
      300,
    );
  });

  test("batchNormRelu propagates NaN from any position in a window", () => {
    const shape = [1, 1, 4, 70];
    for (const options of settings.filter(({ training }) => !training)) {
      const run = (operation: typeof batchNormRelu | null, x: Tensor) => {
        const [runningMean, runningVar, weight, bias] = [[0], [1], [1], [0]].map((value) => tensor(value));
        const call = operation
          ? operation(x, { weight, bias, runningMean, runningVar }, options)
          : reference(options, { runningMean, runningVar })(x, weight, bias);
        return Array.from(call.toFloat32(), Number.isNaN);
      };
      for (const place of [0, 1, 17, 69, 70, 71, 139, 200, 279]) {
        const data = new Float32Array(280).fill(-1);
        data[place] = Number.NaN;
        const expected = run(null, tensor(data, shape));
        expect(expected).toContain(true);
        expect(run(batchNormRelu, tensor(data, shape)), `${place}`).toEqual(expected);
      }
    }
  });

  test("batchNormRelu gives the same bits twice", () => {
    const options = { training: true, relu: true, pool: true, momentum: 0.1, eps: 1e-5 };
    const given = inputs([4, 9, 33, 47], 3);
    const gradient = uniform(4 * 9 * 16 * 23, seeded(4));
    const run = () => {
      const statistics = running(9);
      const call = (x: Tensor, weight: Tensor, bias: Tensor) =>
        batchNormRelu(x, { weight, bias, ...statistics }, options);
      const mean = statistics.runningMean.toFloat32();
      return { ...evaluate(call, given, gradient), mean, variance: statistics.runningVar.toFloat32() };
    };
    expect(run()).toEqual(run());
  });
}
