// Chooses anchor sizes and aspect ratios for the objects in a data set.
import type { Sample } from "../../data/types.js";
import type { NetworkFacts } from "../detector.js";
import type { TwoStageSettings } from "./settings.js";

export interface AnchorChoice {
  sizes: number[];
  aspectRatios: number[];
}

/**
 * Anchor sizes at equal ratios between the objects' 1 % and 99 % quantiles (square roots of areas, in input
 * pixels at scale 1), and one, two or three aspect ratios, as needed for the middle 80 % of the objects' aspect
 * ratios to be within a factor of 1.5.
 * @param side longest side of the input
 * @param count number of sizes
 */
export function chooseAnchors(samples: readonly Sample[], side: number, count: number): AnchorChoice {
  const sizes: number[] = [];
  const ratios: number[] = [];
  for (const sample of samples) {
    const scale = side / Math.max(sample.width, sample.height);
    for (let k = 0; k < sample.boxes.length; k += 4) {
      // Ignored in training and evaluation.
      if (sample.difficult[k / 4] !== 0) continue;
      const width = sample.boxes[k + 2] - sample.boxes[k];
      const height = sample.boxes[k + 3] - sample.boxes[k + 1];
      sizes.push(Math.sqrt(width * height) * scale);
      ratios.push(height / width);
    }
  }
  sizes.sort((a, b) => a - b);
  ratios.sort((a, b) => a - b);
  const quantile = (sorted: number[], q: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  const low = Math.log(quantile(sizes, 0.01));
  const high = Math.log(quantile(sizes, 0.99));
  const chosen = Array.from({ length: count }, (_, i) => {
    const at = count === 1 ? (low + high) / 2 : low + ((high - low) * (i + 0.5)) / count;
    return Math.max(4, Math.round(Math.exp(at)));
  });
  const middle = quantile(ratios, 0.5);
  const spread = Math.sqrt(quantile(ratios, 0.9) / quantile(ratios, 0.1));
  // Not 0 for extremely thin objects.
  const round = (ratio: number) => Math.min(10_000, Math.max(1, Math.round(ratio * 100))) / 100;
  const aspectRatios =
    spread < 1.5
      ? [round(middle)]
      : spread < 2.2
        ? [round(middle / 1.4), round(middle * 1.4)]
        : [round(middle / 2), round(middle), round(middle * 2)];
  return { sizes: [...new Set(chosen)], aspectRatios };
}

/** Resolves anchor settings that are "auto". */
export function autoAnchors(
  { anchorSizes, aspectRatios, anchorCount }: TwoStageSettings,
  { samples, side }: NetworkFacts,
): { anchorSizes?: number[]; aspectRatios?: number[] } {
  if (anchorSizes !== "auto" && aspectRatios !== "auto") return {};
  const chosen = chooseAnchors(samples, side, anchorCount);
  return {
    ...(anchorSizes === "auto" ? { anchorSizes: chosen.sizes } : {}),
    ...(aspectRatios === "auto" ? { aspectRatios: chosen.aspectRatios } : {}),
  };
}
