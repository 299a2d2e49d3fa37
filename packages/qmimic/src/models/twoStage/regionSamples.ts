// Samples proposals for training the head, with their targets: a random fraction of positives and background
// (Girshick, Fast R-CNN, ICCV 2015, section 2.3), or those with the largest losses (Shrivastava, Gupta,
// Girshick, "Training Region-based Object Detectors with Online Hard Example Mining", CVPR 2016, section 4).
import {
  type BoxWeights,
  encodeBoxes,
  matchAnchors,
  samplePositivesNegatives,
  takeBoxes,
  topK,
} from "@qmimic/runtime";
import type { Random } from "@qmimic/torch";
import { concatFloats, ignoreRegions, type Target } from "../targets.js";

/** Settings for labelling and sampling regions; names and defaults as in torchvision's FasterRCNN. */
export interface RegionTraining {
  /** IoU from which a proposal is positive, and below which it is background. */
  boxHigh: number;
  boxLow: number;
  /** Proposals per image in the loss, and the maximum fraction of positives. */
  boxBatch: number;
  boxPositives: number;
}

/** Regions per image for the loss, with their targets. */
export interface SampledRegions {
  /** [N, 4] xyxy, positives first. */
  boxes: Float32Array[];
  /** [N], 0 is background. */
  labels: Int32Array[];
  /** Deltas to the matched object, [N, 4]; zeros for background. */
  offsets: Float32Array[];
}

/** Proposals of one image plus its objects, and the object matched to each. */
export interface Candidates {
  boxes: Float32Array;
  /** From matchAnchors: the object's index, or negative. */
  matches: Int32Array;
  target: Target;
}

/** Adds the objects to the proposals of each image, and matches them. */
export function matchProposals(
  proposals: readonly Float32Array[],
  targets: readonly Target[],
  { boxHigh, boxLow }: RegionTraining,
): Candidates[] {
  return proposals.map((list, image) => {
    const target = targets[image];
    const boxes = concatFloats(list, target.boxes);
    const threshold = { high: boxHigh, low: boxLow, allowLowQuality: false };
    const matches = matchAnchors(boxes, target.boxes, threshold);
    ignoreRegions(boxes, matches, target.ignore);
    return { boxes, matches, target };
  });
}

/** Samples at random, with at most a fraction `boxPositives` of positives. */
export function sampleRegions(
  candidates: readonly Candidates[],
  settings: RegionTraining,
  weights: BoxWeights,
  random: Random,
): SampledRegions {
  const options = { count: settings.boxBatch, positiveFraction: settings.boxPositives };
  return labelled(
    candidates.map((list) => ({ ...list, ...samplePositivesNegatives(list.matches, options, random) })),
    weights,
  );
}

/**
 * Selects those with the largest losses. The paper first applies NMS (IoU 0.7) by loss; here proposals have
 * already been through NMS by score.
 * @param lossesOf the head's loss per region, over all images, [M]
 */
export function hardestRegions(
  candidates: readonly Candidates[],
  settings: RegionTraining,
  weights: BoxWeights,
  lossesOf: (all: SampledRegions) => Float32Array,
): SampledRegions {
  const picks = candidates.map((list) => ({
    ...list,
    ...samplePositivesNegatives(list.matches, { count: list.matches.length, positiveFraction: 1 }, never),
  }));
  const losses = lossesOf(labelled(picks, weights));
  let first = 0;
  return labelled(
    picks.map(({ positive, negative, ...list }) => {
      const imageLosses = losses.subarray(first, first + positive.length + negative.length);
      first += imageLosses.length;
      const hard = topK(imageLosses, settings.boxBatch).sort();
      const objects = hard.filter((i) => i < positive.length);
      return {
        ...list,
        positive: objects.map((i) => positive[i]),
        negative: hard.subarray(objects.length).map((i) => negative[i - positive.length]),
      };
    }),
    weights,
  );
}

/** All are taken: no sampling. */
const never = (): number => 0;

function labelled(
  picks: readonly (Candidates & { positive: Int32Array; negative: Int32Array })[],
  weights: BoxWeights,
): SampledRegions {
  const sampled: SampledRegions = { boxes: [], labels: [], offsets: [] };
  for (const { boxes, matches, target, positive, negative } of picks) {
    const labels = new Int32Array(positive.length + negative.length);
    const offsets = new Float32Array(4 * labels.length);
    const objects = takeBoxes(boxes, positive);
    const goals = takeBoxes(
      target.boxes,
      positive.map((i) => matches[i]),
    );
    encodeBoxes(goals, objects, weights, offsets.subarray(0, objects.length));
    for (let i = 0; i < positive.length; i++) labels[i] = target.labels[matches[positive[i]]];
    sampled.boxes.push(concatFloats(objects, takeBoxes(boxes, negative)));
    sampled.labels.push(labels);
    sampled.offsets.push(offsets);
  }
  return sampled;
}
