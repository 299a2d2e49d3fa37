// The machine's convolution peak: what a wide layer reaches in libtorch. Other rates are given as a fraction of it.
import { Conv2d, noGrad, scope, tensor } from "@qmimic/torch";
import { createRandom } from "../../packages/qmimic/dist/data/random.js";

const CHANNELS = 256;
const SIDE = 56;
const IMAGES = 4;
const ROUNDS = 8;
/**
 * Multiply-adds per second in the fastest of several passes through a 3x3 layer, 256 to 256 channels, 4 x 56 x 56
 * cells.
 */
export function convolutionPeak() {
  return noGrad(() =>
    scope(() => {
      const layer = new Conv2d(CHANNELS, CHANNELS, createRandom("peak"), { kernel: 3, padding: 1 });
      const shape = [IMAGES, CHANNELS, SIDE, SIDE];
      const input = tensor(new Float32Array(IMAGES * CHANNELS * SIDE * SIDE).fill(1), shape);
      let fastest = Number.POSITIVE_INFINITY;
      for (let i = 0; i < ROUNDS; i++) {
        const started = performance.now();
        scope(() => void layer.forward(input));
        fastest = Math.min(fastest, performance.now() - started);
      }
      layer.dispose();
      return (IMAGES * SIDE * SIDE * CHANNELS * CHANNELS * 9) / (fastest / 1000);
    }),
  );
}
