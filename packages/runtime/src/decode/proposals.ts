// Decodes the region proposal network's outputs to regions (Ren et al., Faster R-CNN, NeurIPS 2015, section 3.1).
// Anchors are the outermost dimension in the maps ([A, H, W]), but the innermost in generateAnchors ([H, W, A]).
import { type BoxWeights, decodeBoxes } from "../geometry/boxCoding.js";
import { clipBoxes, removeSmallBoxes, takeBoxes } from "../geometry/boxes.js";
import { nms } from "../geometry/nms.js";
import { bestPlaces } from "./keepBest.js";

/** Deltas of the region proposal network are not weighted. */
export const UNIT_WEIGHTS: BoxWeights = [1, 1, 1, 1];

/** Regions with a side shorter than this, in pixels, are dropped. */
export const MIN_REGION_SIDE = 1e-3;

/** The outputs for the anchors of one image. */
export interface AnchorOutputs {
  /** [A, H, W], before the sigmoid */
  logits: Float32Array;
  /** [4A, H, W]; channel 4a + k is delta k of anchor a */
  deltas: Float32Array;
  /** [H * W * A, 4] xyxy, in the order of generateAnchors */
  anchors: Float32Array;
  /** H * W */
  cells: number;
}

export interface ProposalSettings {
  /** Minimum score, 0..1. */
  score: number;
  /** Maximum number of boxes before and after NMS. */
  preNms: number;
  postNms: number;
  /** IoU above which a box is suppressed. */
  nms: number;
}

/**
 * The best regions of an image, best first.
 * @param placed the image's placement in the network's input, xyxy: regions are clipped to it
 * @param suppress nms, or another function with the same results
 * @returns [N, 4] xyxy, N at most `postNms`
 */
export function proposeRegions(
  outputs: AnchorOutputs,
  placed: ArrayLike<number>,
  { score, preNms, postNms, nms: threshold }: ProposalSettings,
  suppress = nms,
): Float32Array {
  const { logits } = outputs;
  const best = bestPlaces(logits, preNms, score);
  const { anchors, deltas } = takeAnchors(best, outputs);
  const decoded = decodeBoxes(deltas, anchors, UNIT_WEIGHTS, deltas);
  const boxes = clipBoxes(decoded, placed);
  const order = removeSmallBoxes(boxes, MIN_REGION_SIDE);
  return takeBoxes(boxes, suppress({ boxes, order }, threshold, postNms));
}

/** The anchors and their predicted deltas, [N, 4] each, for indices in the logits. */
function takeAnchors(
  places: Int32Array,
  { anchors, deltas, cells }: AnchorOutputs,
): { anchors: Float32Array; deltas: Float32Array } {
  // With | 0, all indices are computed as integers.
  const perCell = (anchors.length / (4 * cells)) | 0;
  const taken = { anchors: new Float32Array(4 * places.length), deltas: new Float32Array(4 * places.length) };
  for (let i = 0, to = 0; i < places.length; i++) {
    const a = (places[i] / cells) | 0;
    const cell = places[i] - a * cells;
    let anchor = 4 * (cell * perCell + a);
    let delta = 4 * a * cells + cell;
    for (const end = to + 4; to < end; to++, anchor++, delta += cells) {
      taken.anchors[to] = anchors[anchor];
      taken.deltas[to] = deltas[delta];
    }
  }
  return taken;
}
