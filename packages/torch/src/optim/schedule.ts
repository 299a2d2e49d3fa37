// Learning rate schedules.

export interface ScheduleOptions {
  /** Learning rate after the warm-up. */
  lr: number;
  /** Steps over which the learning rate rises linearly from nearly 0 to lr. */
  warmupSteps: number;
  totalSteps: number;
  /** "cosine" decays to 0 along half a cosine; "step" divides by 10 at each milestone; "constant" does not change. */
  kind: "cosine" | "step" | "constant";
  /** For "step": fractions of totalSteps, for example [0.7, 0.9]. */
  milestones?: readonly number[];
}

/** The learning rate of step `step`, counted from 0. */
export function learningRate(step: number, options: ScheduleOptions): number {
  const { lr, warmupSteps, totalSteps, kind, milestones = [] } = options;
  if (step < warmupSteps) return (lr * (step + 1)) / (warmupSteps + 1);
  if (kind === "constant") return lr;
  if (kind === "step") return lr * 0.1 ** milestones.filter((at) => step >= at * totalSteps).length;
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  return 0.5 * lr * (1 + Math.cos(Math.PI * Math.min(1, progress)));
}
