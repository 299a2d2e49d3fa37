import { describe, expect, it } from "vitest";
import {
  type Augmentation,
  type AugmentSettings,
  type CanvasSize,
  NO_AUGMENTATION,
  sampleAugmentation,
  sampleScale,
  TRAINING_AUGMENTATION,
  transformBoxes,
} from "../../src/data/augment.js";
import { createRandom } from "../../src/data/random.js";

const SIDE = 96;
const STRIDE = 16;

const sampleAt = (random: () => number, settings: AugmentSettings, width: number, height: number) =>
  sampleAugmentation(
    random,
    settings,
    { width, height },
    { side: SIDE, gridStride: STRIDE, scaleIndex: sampleScale(random, settings) },
  );

interface Channel extends CanvasSize {
  data: Float32Array;
}

/** One channel, drawn by the sampling formula with bilinear weights; outside the image is 0. */
function draw({ data, width, height }: Channel, a: Augmentation, side: number): Float32Array {
  const out = new Float32Array(side * side);
  const scaledWidth = Math.round(width * a.scale);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const fromLeft = x + 0.5 - a.offsetX;
      const xs = (a.flip ? scaledWidth - fromLeft : fromLeft) / a.scale - 0.5;
      const ys = (y + 0.5 - a.offsetY) / a.scale - 0.5;
      const [x0, y0] = [Math.floor(xs), Math.floor(ys)];
      for (const [px, wx] of [
        [x0, 1 - xs + x0],
        [x0 + 1, xs - x0],
      ]) {
        for (const [py, wy] of [
          [y0, 1 - ys + y0],
          [y0 + 1, ys - y0],
        ]) {
          if (px >= 0 && py >= 0 && px < width && py < height)
            out[y * side + x] += data[py * width + px] * wx * wy;
        }
      }
    }
  }
  return out;
}

describe("geometry", () => {
  it("a painted square lands inside the transformed box, and fills it", () => {
    const [width, height] = [61, 43];
    for (let seed = 0; seed < 40; seed++) {
      const random = createRandom(`geometry ${seed}`);
      const x1 = Math.floor(random() * 40);
      const y1 = Math.floor(random() * 25);
      const box = Float32Array.of(
        x1,
        y1,
        x1 + 9 + Math.floor(random() * 10),
        y1 + 8 + Math.floor(random() * 9),
      );
      const image = { data: new Float32Array(width * height), width, height };
      for (let y = box[1]; y < box[3]; y++) image.data.fill(1, y * width + box[0], y * width + box[2]);
      const a = sampleAt(random, TRAINING_AUGMENTATION, width, height);
      const canvas = draw(image, a, SIDE);
      const { boxes } = transformBoxes(box, a, { image, canvas: { width: SIDE, height: SIDE } }, 0);
      let [left, top, right, bottom] = [SIDE, SIDE, 0, 0];
      for (let i = 0; i < canvas.length; i++) {
        if (canvas[i] < 0.5) continue;
        left = Math.min(left, i % SIDE);
        right = Math.max(right, (i % SIDE) + 1);
        top = Math.min(top, Math.floor(i / SIDE));
        bottom = Math.max(bottom, Math.floor(i / SIDE) + 1);
      }
      if (right === 0) continue; // Cropped away.
      [left, top, right, bottom].forEach((edge, k) => {
        expect(Math.abs(edge - boxes[k]), `seed ${seed}, edge ${k}`).toBeLessThanOrEqual(0.75);
      });
    }
  });

  it("boxes mostly off the canvas become ignored regions, boxes off it vanish", () => {
    const boxes = Float32Array.of(0, 0, 10, 10, -8, 0, 2, 10, -30, 0, -20, 10, -5, 20, 5, 30, 50, 50, 51, 60);
    const a = { scale: 1, flip: false, offsetX: 0, offsetY: 0 };
    const sizes = { image: { width: 100, height: 100 }, canvas: { width: 64, height: 64 } };
    const { boxes: kept, kept: indices, ignore } = transformBoxes(boxes, a, sizes, 0.3);
    expect([...indices]).toEqual([0, 3]);
    expect([...kept]).toEqual([0, 0, 10, 10, 0, 20, 5, 30]);
    expect([...ignore]).toEqual([0, 0, 2, 10, 50, 50, 51, 60]);
  });

  it("offsets are multiples of the stride, keep a smaller image inside, show both edges of a larger one", () => {
    const random = createRandom("offsets");
    const seen = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const a = sampleAt(random, TRAINING_AUGMENTATION, 100, 60);
      expect(a.scale).toBeCloseTo((SIDE / 100) * TRAINING_AUGMENTATION.scales[a.scaleIndex], 10);
      expect(Math.abs(a.offsetX % STRIDE) + Math.abs(a.offsetY % STRIDE)).toBe(0);
      const [w, h] = [Math.round(100 * a.scale), Math.round(60 * a.scale)];
      for (const [offset, size] of [
        [a.offsetX, w],
        [a.offsetY, h],
      ]) {
        if (size <= SIDE) {
          expect(offset).toBeGreaterThanOrEqual(0);
          expect(offset + size).toBeLessThanOrEqual(SIDE);
        } else {
          expect(offset).toBeLessThanOrEqual(0);
          expect(offset + size).toBeGreaterThan(SIDE - STRIDE);
        }
      }
      seen.add(`${a.scaleIndex} ${a.offsetX} ${a.flip}`);
    }
    // Scale 0.75: 72 px, offsets 0, 16; 1: 0; 1.25: 120 px, offsets 0, -16, -32; each flipped or not.
    expect(seen.size).toBe(2 * (2 + 1 + 3));
  });

  it("evaluation draws the whole image at the top left", () => {
    const a = sampleAt(createRandom(1), NO_AUGMENTATION, 200, 100);
    expect(a).toMatchObject({ scaleIndex: 0, scale: 0.48, flip: false, offsetX: 0, offsetY: 0 });
  });
});

describe("colour", () => {
  const apply = (m: Float32Array, rgb: number[]): number[] =>
    [0, 1, 2].map((c) => m[c * 4] * rgb[0] + m[c * 4 + 1] * rgb[1] + m[c * 4 + 2] * rgb[2] + m[c * 4 + 3]);
  const colourOf = (settings: Partial<AugmentSettings>, random: () => number): Float32Array =>
    sampleAugmentation(
      random,
      { ...NO_AUGMENTATION, mean: [0, 0, 0], std: [1, 1, 1], ...settings },
      { width: 9, height: 9 },
      { side: 9, gridStride: 1, scaleIndex: 0 },
    ).colour;

  it("is the normalisation alone in evaluation", () => {
    const { colour } = sampleAt(createRandom(1), NO_AUGMENTATION, 10, 10);
    const out = apply(colour, [255, 0, 127.5]);
    expect(out[0]).toBeCloseTo((1 - 0.485) / 0.229, 4);
    expect(out[1]).toBeCloseTo(-0.456 / 0.224, 4);
    expect(out[2]).toBeCloseTo((0.5 - 0.406) / 0.225, 4);
  });

  it("brightness multiplies, contrast keeps mid-grey, no saturation is grey", () => {
    const most = (): number => 1;
    const least = (): number => 0;
    expect(apply(colourOf({ brightness: 0.5 }, most), [51, 102, 0])[1]).toBeCloseTo(0.6, 5);
    const contrast = colourOf({ contrast: 0.5 }, least);
    expect(apply(contrast, [127.5, 0, 255])).toEqual([0.5, 0.25, 0.75].map((v) => expect.closeTo(v, 5)));
    const grey = apply(colourOf({ saturation: 1 }, least), [200, 100, 50]);
    expect(grey[0]).toBeCloseTo((0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255, 5);
    expect(grey[1]).toBeCloseTo(grey[0], 6);
  });

  it("every setting takes the same number of values from the generator", () => {
    const count = (settings: AugmentSettings): number => {
      let taken = 0;
      sampleAt(() => ++taken / 100, settings, 10, 20);
      return taken;
    };
    expect(count(NO_AUGMENTATION)).toBe(count(TRAINING_AUGMENTATION));
  });
});
