// Boxes in pixels of the file, when decoding has reduced the image and rounded its sides.
import { expect, test } from "vitest";
import type { RawImage } from "../../src/data/images.js";
import { detectImages } from "../../src/eval/detect.js";
import type { Detector } from "../../src/models/index.js";

test("each axis has a factor of its own", () => {
  // 1000 x 15 px at a tenth: 100 x 2, not 100 x 1.5.
  const image: RawImage = {
    width: 100,
    height: 2,
    originalWidth: 1000,
    originalHeight: 15,
    data: new Uint8Array(600),
  } as RawImage;
  const whole = {
    boxes: Float32Array.of(0, 0, 100, 2),
    scores: Float32Array.of(1),
    labels: Int32Array.of(1),
  };
  const detector = { config: { side: 100 }, detect: () => [whole], eval: () => {} } as unknown as Detector;
  const [{ boxes }] = detectImages(detector, [image]);
  expect([...boxes]).toEqual([0, 0, 1000, 15]);
});
