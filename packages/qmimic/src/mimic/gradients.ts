// How the pull of mimicry compares with that of the task where both meet, at the student's last feature map: what a weight
// lambda should be chosen by (the paper's "gradient focus": a mimic gradient much larger than the task's drowns
// it).
import { gradientAt, mul, scope, sum, type Tensor } from "@qmimic/torch";

export interface GradientBalance {
  /** Norm of the mimic losses' gradient at the map, their weights included, over that of the detection losses. */
  ratio: number;
  /** Of the angle between the two, -1..1: below 0 they pull apart. */
  cosine: number;
}

/**
 * @param detection sum of the detection losses
 * @param mimicry sum of the mimic losses, with their weights
 * @param features the map that both depend on, before its quantizer
 */
export function gradientBalance(detection: Tensor, mimicry: Tensor, features: Tensor): GradientBalance {
  return scope(() => {
    const [task, mimic] = [gradientAt(detection, features), gradientAt(mimicry, features)];
    const dot = (a: Tensor, b: Tensor) => sum(mul(a, b)).item();
    const [taskNorm, mimicNorm] = [Math.sqrt(dot(task, task)), Math.sqrt(dot(mimic, mimic))];
    return { ratio: mimicNorm / taskNorm, cosine: dot(task, mimic) / (taskNorm * mimicNorm) };
  });
}

/** Means of what can be told; NaN where nothing can. */
export function meanBalance(all: readonly GradientBalance[]): GradientBalance {
  const meanOf = (values: number[]) => {
    const known = values.filter(Number.isFinite);
    return known.reduce((total, one) => total + one, 0) / known.length;
  };
  return { ratio: meanOf(all.map(({ ratio }) => ratio)), cosine: meanOf(all.map(({ cosine }) => cosine)) };
}
