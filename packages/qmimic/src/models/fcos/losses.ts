// Losses of the cells: quality focal loss for the scores (Li et al., "Generalized Focal Loss", NeurIPS 2020,
// section 3.2), with the boxes' IoU as targets, so that a score also rates its box; and GIoU loss for the
// boxes.
import {
  binaryCrossEntropyWithLogits,
  mul,
  operator,
  permute,
  sub,
  sum,
  type Tensor,
  tensor,
} from "@qmimic/torch";
import { iouLoss, pickCells } from "../cells.js";
import type { AssignedCells } from "./assign.js";
import type { CellOutputs } from "./head.js";

const sigmoid = operator("aten::sigmoid");

/** Weight of the box loss, relative to the class loss. */
const BOX_WEIGHT = 2;

/**
 * |goal - score|^2 * BCE, summed and divided by the sum of the goals; mean GIoU loss of the cells that learn an
 * object.
 */
export function cellLosses(
  { logits, distances }: CellOutputs,
  assigned: AssignedCells,
): { class: Tensor; box: Tensor } {
  const { device } = logits;
  const [batch, , height, width] = logits.shape;
  const goals = tensor(assigned.scores, logits.shape).to(device);
  const counted = tensor(assigned.counted, [batch, 1, height, width]).to(device);
  const gap = sub(sigmoid(logits), goals);
  const entropy = binaryCrossEntropyWithLogits(logits, goals, "none");
  const focal = mul(mul(mul(gap, gap), counted), entropy);
  const count = assigned.cells.length;
  const sides = permute(tensor(assigned.goals, [count, 4]).to(device), [1, 0]);
  const apart = iouLoss(pickCells(distances, assigned.cells), sides);
  return {
    class: mul(sum(focal), 1 / Math.max(1, assigned.total)),
    box: mul(sum(apart), BOX_WEIGHT / Math.max(1, count)),
  };
}
