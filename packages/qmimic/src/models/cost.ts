// Multiply-adds of a detector, and the width at which a network has a given cost.
import { countMultiplyAdds, noGrad, scope, type Tensor, tensor } from "@qmimic/torch";
import { toGrid } from "../data/drawing.js";
import { InputError } from "../errors.js";
import { type DetectorConfig, parseBackbone } from "./config.js";
import type { Detector } from "./detector.js";
import { createDetector } from "./kinds.js";

/** Multiply-adds for an image of side x side * 3/4 pixels, including all regions of the head. */
export const multiplyAdds = (detector: Detector): number =>
  countMultiplyAdds(() => runOnce(detector, detector.config.side));

/**
 * Runs every layer once, in eval mode and without gradients, on a black image of side x side * 3/4 pixels.
 * @param onImage called with the image first
 */
export function runOnce(detector: Detector, side: number, onImage: (image: Tensor) => void = () => {}): void {
  const { device } = detector.named()[0].tensor;
  const [height, width] = [toGrid(0.75 * side), toGrid(side)];
  const wasTraining = detector.training;
  detector.eval();
  noGrad(() =>
    scope(() => {
      const image = tensor(new Float32Array(3 * height * width), [1, 3, height, width]).to(device);
      onImage(image);
      detector.everyLayer(image);
    }),
  );
  detector.train(wasTraining);
}

export interface EqualCost {
  /** For instance "vgg-1-24.3". */
  backbone: string;
  multiplyAdds: number;
}

/** Step between tried divisors. */
const STEP = 0.1;
const [MIN_DIVISOR, MAX_DIVISOR] = [1, 64];
const TOLERANCE = 0.1;

/**
 * The width, 1 / N with N in steps of 0.1, at which a network has about `target` multiply-adds.
 * @param backbone a network of the family to use
 * @param configOf the detector's configuration with a given backbone
 * @throws InputError if no width comes within 10 % of it
 */
export function widthOfCost(
  target: number,
  backbone: string,
  configOf: (backbone: string) => DetectorConfig,
): EqualCost {
  const { family } = parseBackbone(backbone);
  let best: EqualCost | undefined;
  const distance = (cost: number) => Math.abs(cost / target - 1);
  const costOf = (divisor: number): number => {
    const name = `${family}-1-${Number(divisor.toFixed(1))}`;
    const detector = createDetector(configOf(name), () => 0.5);
    const cost = multiplyAdds(detector);
    detector.dispose();
    if (!best || distance(cost) < distance(best.multiplyAdds)) best = { backbone: name, multiplyAdds: cost };
    return cost;
  };
  // The cost decreases with N, in steps.
  let [low, high] = [MIN_DIVISOR / STEP, MAX_DIVISOR / STEP];
  while (low <= high) {
    const middle = Math.round(Math.sqrt(low * high));
    if (costOf(middle * STEP) > target) low = middle + 1;
    else high = middle - 1;
  }
  if (!best || distance(best.multiplyAdds) > TOLERANCE) {
    const millions = (cost: number) => `${(cost / 1e6).toFixed(1)} million`;
    throw new InputError(
      `no width of ${family} comes within ${100 * TOLERANCE} % of ${millions(target)} multiply-adds; the nearest is ${best?.backbone} with ${millions(best?.multiplyAdds ?? 0)}`,
    );
  }
  return best;
}
