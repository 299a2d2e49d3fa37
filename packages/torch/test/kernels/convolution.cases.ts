// qmimic::conv3x3 against libtorch's conv2d in double precision (in single precision, its sums over large maps are less
// exact).
import { expect, test } from "vitest";
import { cast, conv2d, conv3x3, scope, type Tensor, tensor } from "../../src/index.js";
import { evaluate, expectSame, type Input, seeded, sizeOf, uniform } from "../helpers.js";

const TOLERANCE = 2e-5;

/** Of a layer from maps of `shape` to `to` channels. */
function inputs(shape: [number, number, number, number], to: number, seed: number): Input[] {
  const random = seeded(seed);
  const shapes = [shape, [to, shape[1], 3, 3], [to]];
  return shapes.map((shape) => ({ shape, data: uniform(sizeOf(shape), random) }));
}

function exact(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const double = (single: Tensor) => cast(single, "float64");
  return cast(conv2d(double(x), double(weight), bias && double(bias), { padding: 1 }), "float32");
}

export function convolutionCases(): void {
  test("conv3x3 is conv2d, channels 1 to 33 and odd sizes", () => {
    for (let channels = 1; channels <= 33; channels++) {
      for (const to of [34 - channels, channels]) {
        const [height, width] = [1 + ((channels * 5) % 13), 1 + ((channels * 7) % 41)];
        expectSame(
          (x, weight, bias) => conv3x3(x, weight, bias),
          exact,
          inputs([2, channels, height, width], to, channels),
          {
            random: seeded(channels),
            tolerance: TOLERANCE,
            what: `${channels} to ${to} channels, ${height} x ${width}`,
          },
        );
      }
    }
  });

  test("conv3x3 is conv2d on wide, high and single-cell maps", () => {
    for (const [height, width] of [
      [1, 1],
      [1, 200],
      [131, 1],
      [3, 129],
      [70, 95],
      [160, 33],
    ]) {
      expectSame(
        (x, weight, bias) => conv3x3(x, weight, bias),
        exact,
        inputs([3, 3, height, width], 2, height),
        { random: seeded(width), tolerance: TOLERANCE, what: `${height} x ${width}` },
      );
    }
  });

  test("conv3x3 without bias", () => {
    expectSame(
      (x, weight) => conv3x3(x, weight, null),
      (x, weight) => exact(x, weight, null),
      inputs([1, 4, 9, 21], 6, 1).slice(0, 2),
      { random: seeded(1), tolerance: TOLERANCE },
    );
  });

  test("conv3x3 gives the gradient of only the weights", () => {
    const [x, weight, bias] = inputs([2, 5, 8, 18], 3, 2);
    const input = tensor(x.data, x.shape);
    expectSame(
      (w, b) => conv3x3(input, w, b),
      (w, b) => exact(input, w, b),
      [weight, bias],
      { random: seeded(2), tolerance: TOLERANCE },
    );
  });

  test("conv3x3 gives the same bits twice", () => {
    const given = inputs([4, 7, 33, 47], 9, 3);
    const gradient = uniform(4 * 9 * 33 * 47, seeded(4));
    const run = () => evaluate((x, weight, bias) => conv3x3(x, weight, bias), given, gradient);
    expect(run()).toEqual(run());
  });

  test("conv3x3 names a weight shape that does not fit", () => {
    scope(() => {
      const x = tensor(new Float32Array(32), [1, 2, 4, 4]);
      const weight = tensor(new Float32Array(27), [1, 3, 3, 3]);
      expect(() => conv3x3(x, weight, null)).toThrow(/conv3x3.*\[1, 3, 3, 3\]/s);
    });
  });
}
