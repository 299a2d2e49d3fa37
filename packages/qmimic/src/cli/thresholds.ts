// Score thresholds for showing detections: the user's for all classes, or per class from the weights.
import type { OpenedDetector } from "../export/openDetector.js";
import { listed } from "../text.js";

export interface Thresholds {
  /** In the order of the detector's classes. */
  thresholds: { label: string; threshold: number }[];
  /** Where they come from, for printing. */
  thresholdsFrom: string;
}

const DEFAULT = 0.5;
/** With more classes only the range is printed. */
const MAX_NAMED = 12;

/** @param asked the user's threshold, for all classes */
export function chooseThresholds(
  { classes, thresholds: known, exported }: Pick<OpenedDetector, "classes" | "thresholds" | "exported">,
  asked?: number,
): Thresholds {
  const stored = asked === undefined ? known : undefined;
  const without = classes.filter((_, i) => stored?.[i] === null);
  const best = "best F1 of each class on val, from the weights";
  return {
    thresholds: classes.map((label, i) => ({ label, threshold: asked ?? stored?.[i] ?? DEFAULT })),
    thresholdsFrom:
      asked !== undefined
        ? "--threshold"
        : stored === undefined
          ? `default; the weights store none`
          : exported
            ? "of the exported model"
            : without.length === 0
              ? best
              : `${best}; default for ${listed(without)}, with no detections on val`,
  };
}

/** "thresholds  stop 0.43, yield 0.51 (best F1 of each class on val, from the weights)" */
export function describeThresholds({ thresholds, thresholdsFrom }: Thresholds): string {
  const values = thresholds.map(({ threshold }) => threshold);
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const text =
    lowest === highest
      ? `${lowest.toFixed(2)} for every class`
      : thresholds.length > MAX_NAMED
        ? `${lowest.toFixed(2)} to ${highest.toFixed(2)}`
        : thresholds.map(({ label, threshold }) => `${label} ${threshold.toFixed(2)}`).join(", ");
  return `thresholds  ${text} (${thresholdsFrom})`;
}
