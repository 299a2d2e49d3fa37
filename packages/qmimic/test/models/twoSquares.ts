// The smallest picture with two classes, and its targets.
import { type Tensor, tensor } from "@qmimic/torch";
import type { Target } from "../../src/models/targets.js";

export const target = (boxes: number[], labels: number[], ignore: number[] = []): Target => ({
  boxes: Float32Array.from(boxes),
  labels: Int32Array.from(labels),
  ignore: Float32Array.from(ignore),
});

/** Two squares, light and dark, on grey: classes 1 and 2. */
export function picture(): Tensor {
  const pixels = new Float32Array(3 * 64 * 64);
  const fill = ([x0, y0, x1, y1]: number[], value: number) => {
    for (let c = 0; c < 3; c++) {
      for (let y = y0; y < y1; y++) pixels.fill(value, (c * 64 + y) * 64 + x0, (c * 64 + y) * 64 + x1);
    }
  };
  fill([6, 8, 26, 28], 2);
  fill([36, 34, 60, 58], -2);
  return tensor(pixels, [1, 3, 64, 64]);
}
export const objects = target([6, 8, 26, 28, 36, 34, 60, 58], [1, 2]);
