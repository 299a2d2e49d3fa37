// qmimic::images_to_batch against a slow reference: bilinear samples of the pixels.
import { expect, test } from "vitest";
import { imagesToBatch, tensor } from "../../src/index.js";
import { expectClose, seeded } from "../helpers.js";

interface Picture {
  data: Uint8Array;
  width: number;
  height: number;
}

/** scale x, scale y, offset x, offset y, mirrored */
type Geometry = [number, number, number, number, number];

const PLAIN = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];

function picture(width: number, height: number): Picture {
  const random = seeded(width);
  return {
    width,
    height,
    data: Uint8Array.from({ length: 3 * width * height }, () => Math.floor(random() * 256)),
  };
}

const draw = (pictures: Picture[], geometry: Geometry[], colour: number[][], height: number, width: number) =>
  imagesToBatch(
    pictures.map((one) => tensor(one.data, [one.height, one.width, 3])),
    tensor(geometry.flat(), [geometry.length, 5]),
    tensor(colour.flat(), [colour.length, 12]),
    height,
    width,
  ).toFloat32();

function reference(
  image: Picture,
  [sx, sy, ox, oy, flip]: Geometry,
  m: number[],
  height: number,
  width: number,
) {
  const out = new Float32Array(3 * height * width);
  const scaledWidth = Math.round(image.width * sx);
  const scaledHeight = Math.round(image.height * sy);
  const clamp = (value: number, size: number) => Math.min(Math.max(value, 0), size - 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [px, py] = [x + 0.5 - ox, y + 0.5 - oy];
      if (px < 0 || px >= scaledWidth || py < 0 || py >= scaledHeight) continue;
      const xs = clamp((flip ? scaledWidth - px : px) / sx - 0.5, image.width);
      const ys = clamp(py / sy - 0.5, image.height);
      const [x0, y0] = [Math.floor(xs), Math.floor(ys)];
      const [x1, y1] = [clamp(x0 + 1, image.width), clamp(y0 + 1, image.height)];
      const at = (row: number, column: number, c: number) => image.data[3 * (row * image.width + column) + c];
      const rgb = [0, 1, 2].map((c) => {
        const top = at(y0, x0, c) * (1 - (xs - x0)) + at(y0, x1, c) * (xs - x0);
        const bottom = at(y1, x0, c) * (1 - (xs - x0)) + at(y1, x1, c) * (xs - x0);
        return top * (1 - (ys - y0)) + bottom * (ys - y0);
      });
      for (let c = 0; c < 3; c++) {
        out[(c * height + y) * width + x] =
          m[4 * c] * rgb[0] + m[4 * c + 1] * rgb[1] + m[4 * c + 2] * rgb[2] + m[4 * c + 3];
      }
    }
  }
  return out;
}

export function imageCases(): void {
  const image = picture(13, 9);

  test("imagesToBatch at scale 1 copies the pixels, planes apart", () => {
    const planes = [0, 1, 2].flatMap((c) => [...image.data].filter((_, i) => i % 3 === c));
    expect([...draw([image], [[1, 1, 0, 0, 0]], [PLAIN], 9, 13)]).toEqual(planes);
  });

  test("imagesToBatch mirrors left to right", () => {
    const plain = draw([image], [[1, 1, 0, 0, 0]], [PLAIN], 9, 13);
    const mirrored = draw([image], [[1, 1, 0, 0, 1]], [PLAIN], 9, 13);
    expect([...mirrored]).toEqual([...plain.map((_, i) => plain[i - (i % 13) + 12 - (i % 13)])]);
  });

  test("imagesToBatch moves and crops, 0 outside the image even where the colour adds a constant", () => {
    const shifted = PLAIN.with(3, 1000);
    for (const [ox, oy] of [
      [16, 32],
      [-4, -2],
      [3, -5],
    ]) {
      const geometry: Geometry = [1, 1, ox, oy, 0];
      const actual = draw([image], [geometry], [shifted], 40, 33);
      expect([...actual]).toEqual([...reference(image, geometry, shifted, 40, 33)]);
    }
  });

  test("imagesToBatch scales, mirrors, moves and recolours a batch of unlike images", () => {
    const pictures = [image, picture(31, 40), picture(1, 1), picture(64, 5)];
    const geometry: Geometry[] = [
      [1.7, 1.7, 16, -3, 1],
      [0.8, 0.8, -8, 0, 0],
      [5, 5, 3, 2, 1],
      [0.6, 1.4, 0, 16, 1],
    ];
    const random = seeded(9);
    const colour = pictures.map(() => Array.from({ length: 12 }, () => random() * 2 - 1));
    const actual = draw(pictures, geometry, colour, 37, 51);
    const expected = pictures.flatMap((one, i) => [...reference(one, geometry[i], colour[i], 37, 51)]);
    expectClose(actual, expected, 1e-5);
  });

  test("imagesToBatch refuses a scale of 0", () => {
    expect(() => draw([image], [[0, 1, 0, 0, 0]], [PLAIN], 8, 8)).toThrow(/geometry\[0\] has scale 0/);
  });
}
