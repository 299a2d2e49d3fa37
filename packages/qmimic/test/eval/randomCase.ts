// Made-up ground truth and detections for tests that compare two implementations.
import { createRandom } from "../../src/data/random.js";
import type { EvaluationCase } from "./sharedData.js";

/** Objects of all three sizes, a few crowds, and detections near and far, with many equal scores. */
export function randomCase(seed: number): EvaluationCase {
  const random = createRandom(seed);
  const whole = (below: number) => Math.floor(random() * below);
  const groundTruths = Array.from({ length: 5 }, (_, i) => {
    const labels = Array.from({ length: whole(7) }, () => whole(3));
    const boxes = labels.flatMap(() => {
      const [x, y, side] = [whole(60), whole(60), [8, 31, 32, 60, 96, 120][whole(6)]];
      return [x, y, x + side + whole(3), y + side + whole(3)];
    });
    return {
      id: String(i),
      boxes: Float64Array.from(boxes),
      labels: Int32Array.from(labels),
      difficult: Uint8Array.from(labels, () => (random() < 0.2 ? 1 : 0)),
    };
  });
  const detections = groundTruths.slice(1).map(({ id, boxes, labels }) => {
    const twice = [...labels, ...labels];
    return {
      id,
      boxes: Float64Array.from([...boxes, ...boxes], (value) => value + whole(5) - 2),
      labels: Int32Array.from(twice, (label) => (random() < 0.8 ? label : whole(3))),
      scores: Float64Array.from(twice, () => whole(5) / 5),
    };
  });
  return { classes: ["a", "b", "c"], groundTruths, detections };
}
