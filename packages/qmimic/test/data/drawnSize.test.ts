// The size of an image in the network's input: the same in training, in the runtime and in generated C, also where
// it is rounded from a half.
import { placePicture } from "@qmimic/runtime";
import { scope } from "@qmimic/torch";
import { expect, test } from "vitest";
import { drawWhole, GRID } from "../../src/data/drawing.js";
import { drawFixed, fixedPlacement } from "../../src/data/fixedInput.js";

/** In integers, as generated C computes it. */
const scaled = (length: number, to: number, from: number): number =>
  Math.max(1, Number((2n * BigInt(length) * BigInt(to) + BigInt(from)) / (2n * BigInt(from))));

/** The drawn size: images are white, and what is outside is 0. */
function drawnSize(data: Float32Array, width: number, height: number): { width: number; height: number } {
  let [right, bottom] = [0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (data[y * width + x] !== 0) [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
  return { width: right, height: bottom };
}

const white = (width: number, height: number) => ({
  ...{ data: new Uint8Array(3 * width * height).fill(255), width, height },
  ...{ originalWidth: width, originalHeight: height },
});

test.each([
  [640, 345, 448],
  [640, 365, 448],
  [640, 330, 416],
  [960, 555, 352],
  [365, 640, 448],
  [640, 480, 480],
  [1, 500, 96],
  [500, 1, 96],
])("%d x %d px at a longest side of %d", (width, height, side) => {
  const longest = Math.max(width, height);
  const expected = { width: scaled(width, side, longest), height: scaled(height, side, longest) };
  expect(placePicture({ width, height }, side, GRID).size).toEqual(expected);
  scope(() => {
    const { batch, sizes, canvas } = drawWhole([white(width, height)], side, "cpu");
    expect(sizes).toEqual([expected]);
    expect(drawnSize(batch.toFloat32(), canvas.width, canvas.height)).toEqual(expected);
  });
});

test("many sizes", () => {
  for (let side = 32; side <= 1024; side += 32)
    for (let length = 1; length <= 640; length++)
      expect(placePicture({ width: 640, height: length }, side, GRID).size.height).toBe(
        scaled(length, side, 640),
      );
});

test("in an input of fixed size", () => {
  const canvas = { width: 448, height: 256 };
  for (const [width, height] of [
    [640, 365],
    [333, 640],
    [640, 366],
  ]) {
    const { size } = fixedPlacement({ width, height }, canvas);
    scope(() => {
      const { batch } = drawFixed([white(width, height)], canvas, "cpu");
      expect(drawnSize(batch.toFloat32(), canvas.width, canvas.height)).toEqual(size);
    });
  }
});
