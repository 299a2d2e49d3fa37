// qmimic::images_to_batch against a slow reference: bilinear samples of the pixels, by a wider triangle where they get fewer.

import { tensor } from "@qmimic/torch";
import { expect, test } from "vitest";
import { expectClose, seeded } from "../../../../torch/test/helpers.js";
import { imagesToBatch } from "../../../src/native/imagesToBatch.js";

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

type Canvas = [height: number, width: number];

const draw = (pictures: Picture[], geometry: Geometry[], colour: number[][], [height, width]: Canvas) =>
  imagesToBatch(
    pictures.map((one) => tensor(one.data, [one.height, one.width, 3])),
    tensor(
      geometry.flatMap((one, i) => [...one, ...drawnSize(pictures[i], one)]),
      [geometry.length, 7],
    ),
    tensor(colour.flat(), [colour.length, 12]),
    { height, width },
  ).toFloat32();

const drawnSize = ({ width, height }: Picture, [sx, sy]: Geometry): number[] => [
  Math.max(1, Math.round(width * sx)),
  Math.max(1, Math.round(height * sy)),
];

function reference(image: Picture, [sx, sy, ox, oy, flip]: Geometry, m: number[], [height, width]: Canvas) {
  const out = new Float32Array(3 * height * width);
  const scaledWidth = Math.round(image.width * sx);
  const scaledHeight = Math.round(image.height * sy);
  const clamp = (value: number, size: number) => Math.min(Math.max(value, 0), size - 1);
  /** Weights of all pixels of an axis for a place in it. */
  const weigh = (place: number, size: number, scale: number) => {
    const slope = Math.min(1, scale);
    const all = Array.from({ length: size }, (_, i) => Math.max(0, 1 - Math.abs(i - place) * slope));
    const total = all.reduce((sum, one) => sum + one, 0);
    return all.map((one) => one / total);
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [px, py] = [x + 0.5 - ox, y + 0.5 - oy];
      if (px < 0 || px >= scaledWidth || py < 0 || py >= scaledHeight) continue;
      const xs = clamp((flip ? scaledWidth - px : px) / sx - 0.5, image.width);
      const ys = clamp(py / sy - 0.5, image.height);
      const [rows, columns] = [weigh(ys, image.height, sy), weigh(xs, image.width, sx)];
      const rgb = [0, 1, 2].map((c) => {
        let sum = 0;
        rows.forEach((row, i) => {
          if (row === 0) return;
          columns.forEach((column, j) => {
            if (column > 0) sum += row * column * image.data[3 * (i * image.width + j) + c];
          });
        });
        return sum;
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
    expect([...draw([image], [[1, 1, 0, 0, 0]], [PLAIN], [9, 13])]).toEqual(planes);
  });

  test("imagesToBatch mirrors left to right", () => {
    const plain = draw([image], [[1, 1, 0, 0, 0]], [PLAIN], [9, 13]);
    const mirrored = draw([image], [[1, 1, 0, 0, 1]], [PLAIN], [9, 13]);
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
      const actual = draw([image], [geometry], [shifted], [40, 33]);
      expect([...actual]).toEqual([...reference(image, geometry, shifted, [40, 33])]);
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
    const actual = draw(pictures, geometry, colour, [37, 51]);
    const expected = pictures.flatMap((one, i) => [...reference(one, geometry[i], colour[i], [37, 51])]);
    expectClose(actual, expected, 1e-5);
  });

  test.each([0.03, 0.11, 0.24, 0.4, 0.5, 0.77])("imagesToBatch makes an image %d times as large", (scale) => {
    const large = picture(90, 70);
    const [width, height] = [Math.round(90 * scale) + 3, Math.round(70 * scale) + 3];
    for (const flip of [0, 1]) {
      const geometry: Geometry = [scale, scale * 1.1, 2, 1, flip];
      const expected = reference(large, geometry, PLAIN, [height, width]);
      expectClose(draw([large], [geometry], [PLAIN], [height, width]), expected, 1e-5);
    }
  });

  test("imagesToBatch averages what is finer than its pixels: stripes become grey", () => {
    const stripes = {
      width: 64,
      height: 64,
      data: Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => (Math.floor(i / 3) % 2) * 200),
    };
    const drawn = draw([stripes], [[0.4, 0.4, 0, 0, 0]], [PLAIN], [26, 26]).subarray(0, 26 * 26);
    const inner = drawn.filter((_, i) => i % 26 > 1 && i % 26 < 24);
    for (const value of inner) expect(Math.abs(value - 100)).toBeLessThan(12);
  });

  test.each([0, -1, 1e-30, 0.01, 1e30, Number.NaN, Number.POSITIVE_INFINITY])(
    "imagesToBatch refuses a scale of %d",
    (scale) => {
      for (const [x, y] of [
        [scale, 1],
        [1, scale],
      ])
        expect(() => draw([image], [[x, y, 0, 0, 0]], [PLAIN], [8, 8])).toThrow(/geometry\[0\] has scale/);
    },
  );
}
