// Compares the gradients of the mimic and detection losses at the student's last feature map, a guide for
// choosing lambda (the paper's "gradient focus", table 9: a mimic gradient much larger than the task's drowns it out).
import { gradientAt, mul, scope, sum, type Tensor } from "@qmimic/torch";

export interface GradientBalance {
  /**
   * Norm of the mimic losses' gradient at the map, including their weights, divided by that of the detection
   * losses.
   */
  ratio: number;
  /** Cosine of the angle between the two, -1..1: below 0 they conflict. */
  cosine: number;
}

/**
 * @param detection sum of the detection losses
 * @param mimicry sum of the mimic losses, with their weights
 * @param features the map that both depend on, before quantization
 */
export function gradientBalance(detection: Tensor, mimicry: Tensor, features: Tensor): GradientBalance {
  return scope(() => {
    const [task, mimic] = [gradientAt(detection, features), gradientAt(mimicry, features)];
    const dot = (a: Tensor, b: Tensor) => sum(mul(a, b)).item();
    const [taskNorm, mimicNorm] = [Math.sqrt(dot(task, task)), Math.sqrt(dot(mimic, mimic))];
    return { ratio: mimicNorm / taskNorm, cosine: dot(task, mimic) / (taskNorm * mimicNorm) };
  });
}

/** Means over the steps with a measurement; NaN without any. */
export function meanBalance(all: readonly GradientBalance[]): GradientBalance {
  const meanOf = (values: number[]) => {
    const known = values.filter(Number.isFinite);
    return known.reduce((total, value) => total + value, 0) / known.length;
  };
  return { ratio: meanOf(all.map(({ ratio }) => ratio)), cosine: meanOf(all.map(({ cosine }) => cosine)) };
}
