// Boxes in pixels of the file, when decoding has reduced the image and rounded its sides.
import { expect, test } from "vitest";
import type { ImageStore } from "../../src/data/imageStore.js";
import type { RawImage } from "../../src/data/images.js";
import type { Sample } from "../../src/data/types.js";
import { detectImages, detectSamples } from "../../src/eval/detect.js";
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

test("between batches, handlers of signals get their turn, also if all images are in memory", async () => {
  const samples = Array.from({ length: 3 }, (_, i) => ({ id: `${i}`, width: 10 + i, height: 10 }) as Sample);
  const store = { get: async () => ({}), prefetch: () => {}, bytes: 0 } as unknown as ImageStore;
  let turns = 0;
  const count = (): void => {
    turns++;
    if (turns < 100) setImmediate(count);
  };
  setImmediate(count);
  const seen: number[] = [];
  const none = { boxes: new Float32Array(0), scores: new Float32Array(0), labels: new Int32Array(0) };
  await detectSamples(
    (images) => {
      seen.push(turns);
      return images.map(() => none);
    },
    samples,
    store,
  );
  expect(seen).toHaveLength(3);
  expect(seen[2]).toBeGreaterThan(seen[0]);
  turns = 100;
});
