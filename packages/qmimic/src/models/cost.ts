// What a detector computes for one image, and the width at which a network computes as much as another.
import { countMultiplyAdds, noGrad, scope, type Tensor, tensor } from "@qmimic/torch";
import { toGrid } from "../data/drawing.js";
import { InputError } from "../errors.js";
import { type DetectorConfig, parseBackbone } from "./config.js";
import type { Detector } from "./detector.js";
import { createDetector } from "./kinds.js";

/** Multiply-adds of one image of side x side * 3/4 pixels, all regions of the head included. */
export const multiplyAdds = (detector: Detector): number =>
  countMultiplyAdds(() => runOnce(detector, detector.config.side));

/**
 * Runs every layer once, in evaluation and without gradient, on a black image of side x side * 3/4 pixels.
 * @param onImage is given the image before
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

/** Of divisors that are tried. */
const STEP = 0.1;
const [LEAST, MOST] = [1, 64];
const TOLERANCE = 0.1;

/**
 * The width, 1 / N with N in tenths, at which a network has about the multiply-adds `goal`.
 * @param backbone of the family that is meant
 * @param configOf the detector with a backbone of that family
 * @throws InputError when none comes within a tenth of it
 */
export function widthOfCost(
  goal: number,
  backbone: string,
  configOf: (backbone: string) => DetectorConfig,
): EqualCost {
  const { family } = parseBackbone(backbone);
  let best: EqualCost | undefined;
  const distance = (cost: number) => Math.abs(cost / goal - 1);
  const costOf = (divisor: number): number => {
    const name = `${family}-1-${Number(divisor.toFixed(1))}`;
    const detector = createDetector(configOf(name), () => 0.5);
    const cost = multiplyAdds(detector);
    detector.dispose();
    if (!best || distance(cost) < distance(best.multiplyAdds)) best = { backbone: name, multiplyAdds: cost };
    return cost;
  };
  // Costs fall as N grows, by steps.
  let [low, high] = [LEAST / STEP, MOST / STEP];
  while (low <= high) {
    const middle = Math.round(Math.sqrt(low * high));
    if (costOf(middle * STEP) > goal) low = middle + 1;
    else high = middle - 1;
  }
  if (!best || distance(best.multiplyAdds) > TOLERANCE) {
    const millions = (cost: number) => `${(cost / 1e6).toFixed(1)} million`;
    throw new InputError(
      `no width of ${family} comes within ${100 * TOLERANCE} % of ${millions(goal)} multiply-adds; the nearest is ${best?.backbone} with ${millions(best?.multiplyAdds ?? 0)}`,
    );
  }
  return best;
}
