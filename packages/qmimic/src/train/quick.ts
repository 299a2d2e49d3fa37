// Settings for a first detector in minutes: only a student, with the coarsest feature map that suits the
// objects, and epochs according to the number of images.
import type { Sample } from "../data/types.js";

/** Recipe settings, by their names in the code. */
export interface QuickSettings {
  method: "scratch";
  stage: "student";
  outputStride: 4 | 8 | 16;
  epochs: number;
  evalEvery: number;
}

/** Total images seen in training: number of images times epochs. */
const IMAGES_SEEN = 15_000;
const MIN_EPOCHS = 4;
const MAX_EPOCHS = 40;
const EVALUATIONS = 5;
/**
 * Cells covered by the shorter side of small objects: at stride 16, the network still sees a good deal of
 * context.
 */
const CELLS = 2;
/** The size quantile of small objects: a tenth of the objects of a class are smaller. */
const SMALL = 0.1;

/**
 * @param samples the training split
 * @param side longest side of the input in pixels
 */
export function quickSettings(samples: readonly Sample[], side: number): QuickSettings {
  const epochs = Math.min(MAX_EPOCHS, Math.max(MIN_EPOCHS, Math.round(IMAGES_SEEN / samples.length)));
  return {
    method: "scratch",
    stage: "student",
    outputStride: suitableStride(samples, side),
    epochs,
    evalEvery: Math.ceil(epochs / EVALUATIONS),
  };
}

/**
 * The coarsest output stride that suits the objects.
 * @param samples the training split
 * @param side longest side of the input in pixels
 */
export function suitableStride(samples: readonly Sample[], side: number): 4 | 8 | 16 {
  const pixels = smallSide(samples, side);
  if (pixels >= CELLS * 16) return 16;
  return pixels >= CELLS * 8 ? 8 : 4;
}

/** The shorter side of small objects in the class with the smallest ones, in input pixels. */
function smallSide(samples: readonly Sample[], side: number): number {
  const ofClass = new Map<number, number[]>();
  for (const { boxes, labels, difficult, width, height } of samples) {
    const scale = side / Math.max(width, height);
    labels.forEach((label, i) => {
      if (difficult[i] !== 0) return;
      const [xmin, ymin, xmax, ymax] = boxes.subarray(4 * i, 4 * i + 4);
      const sides = ofClass.get(label) ?? [];
      sides.push(scale * Math.min(xmax - xmin, ymax - ymin));
      ofClass.set(label, sides);
    });
  }
  const small = [...ofClass.values()].map(
    (sides) => sides.sort((a, b) => a - b)[Math.floor(SMALL * sides.length)],
  );
  return Math.min(...small);
}
