// Losses of the one-stage detector: quality focal loss of every cell's scores (Li et al., Generalized Focal Loss, NeurIPS
// 2020, section 3), and GIoU (Rezatofighi et al., CVPR 2019) of the boxes of cells that learn an object.
import {
  abs,
  binaryCrossEntropyWithLogits,
  indexSelect,
  mul,
  operator,
  reshape,
  sub,
  sum,
  type Tensor,
  tensor,
} from "@qmimic/torch";
import { giouLoss } from "../distances.js";
import type { Target } from "../targets.js";
import { type Assignment, type AssignSettings, assign } from "./assign.js";
import type { CellOutputs } from "./towers.js";

const sigmoid = operator("aten::sigmoid");
const detach = operator("aten::detach");

/**
 * Both are sums divided by the sum of the scores that are asked for, at least 1.
 * @param placed where each image lies on the canvas, [B, 4] xyxy: cells on padding have no loss
 * @param stride pixels per cell
 */
export function cellLosses(
  { logits, distances }: CellOutputs,
  targets: readonly Target[],
  placed: Float32Array,
  stride: number,
  settings: AssignSettings,
): { class: Tensor; box: Tensor } {
  const [batch, classes, height, width] = logits.shape as [number, number, number, number];
  const size = height * width;
  const scores = logits.toFloat32();
  const sides = distances.toFloat32();
  const wanted = new Float32Array(batch * classes * size);
  const weights = new Float32Array(batch * size);
  const assigned = targets.map((target, image) => {
    const own = {
      logits: scores.subarray(image * classes * size, (image + 1) * classes * size),
      height,
      width,
    };
    const found = assign(
      { ...own, distances: sides.subarray(4 * image * size, 4 * (image + 1) * size) },
      target,
      stride,
      settings,
    );
    const map = weights.subarray(image * size, (image + 1) * size);
    learningCells(map, width, target.ignore, placed.subarray(4 * image, 4 * image + 4), stride);
    for (const cell of found.close) map[cell] = 0;
    for (let i = 0; i < found.cells.length; i++) {
      map[found.cells[i]] = 1;
      wanted[(image * classes + found.labels[i] - 1) * size + found.cells[i]] = found.scores[i];
    }
    return found;
  });
  const total = assigned.reduce((all, { scores }) => all + scores.reduce((some, one) => some + one, 0), 0);
  const share = 1 / Math.max(1, total);
  const { device } = logits;
  const goal = tensor(wanted, logits.shape).to(device);
  const cells = tensor(weights, [batch, 1, height, width]).to(device);
  const gap = abs(sub(goal, sigmoid(detach(logits))));
  // The focal factor |y - p|^2 is taken as a weight, without gradient: the loss stays convex in the logit.
  const focal = mul(mul(gap, gap), cells);
  const entropy = binaryCrossEntropyWithLogits(logits, goal, "none");
  const box = boxLoss(distances, assigned, size);
  return { class: mul(sum(mul(entropy, focal)), share), box: mul(box, share) };
}

/** Cells whose centre lies on the image and in no ignored region have a loss: 1 there, else 0. */
function learningCells(
  weights: Float32Array,
  width: number,
  ignore: Float32Array,
  placed: Float32Array,
  stride: number,
): void {
  const inside = (x: number, y: number, box: Float32Array, at: number) =>
    x >= box[at] && x < box[at + 2] && y >= box[at + 1] && y < box[at + 3];
  for (let cell = 0; cell < weights.length; cell++) {
    const x = stride * ((cell % width) + 0.5);
    const y = stride * (Math.floor(cell / width) + 0.5);
    let learns = inside(x, y, placed, 0);
    for (let k = 0; k < ignore.length && learns; k += 4) learns = !inside(x, y, ignore, k);
    weights[cell] = learns ? 1 : 0;
  }
}

/** Sum over the cells that learn an object of GIoU loss times the score that they are asked for. */
function boxLoss(distances: Tensor, assigned: readonly Assignment[], size: number): Tensor {
  const count = assigned.reduce((all, { cells }) => all + cells.length, 0);
  if (count === 0) return mul(sum(distances), 0);
  const places = new Int32Array(4 * count);
  const goals = new Float32Array(4 * count);
  const scores = new Float32Array(count);
  let first = 0;
  assigned.forEach((found, image) => {
    const own = found.cells.length;
    for (let k = 0; k < 4; k++) {
      for (let i = 0; i < own; i++) {
        places[k * count + first + i] = (4 * image + k) * size + found.cells[i];
        goals[k * count + first + i] = found.distances[k * own + i];
      }
    }
    scores.set(found.scores, first);
    first += own;
  });
  const { device } = distances;
  const picked = indexSelect(reshape(distances, [-1]), 0, tensor(places).to(device));
  const loss = giouLoss(reshape(picked, [4, count]), tensor(goals, [4, count]).to(device));
  return sum(mul(loss, tensor(scores).to(device)));
}
