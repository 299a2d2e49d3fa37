// From what the cells say to the boxes where the detector would like to mimic.
import { clipBoxes, decodeDistances, nms, removeSmallBoxes, takeBoxes, topK } from "@qmimic/runtime";
import type { CellArrays } from "./alignment.js";

/** IoU above which a region is suppressed, and how many are left of an image. */
const REGION_NMS = 0.7;
const MAX_REGIONS = 500;

/**
 * Boxes of each image by their best score of any class, best first, clipped to the image and suppressed.
 * @param placed where each image lies on the canvas, [B, 4] xyxy
 * @param most boxes of an image before suppression
 * @returns [N, 4] xyxy of each image
 */
export function bestRegions(said: CellArrays, placed: Float32Array, most: number): Float32Array[] {
  const { logits, classes, height, width } = said;
  const plane = height * width;
  return Array.from({ length: placed.length / 4 }, (_, image) => {
    const best = logits.slice(image * classes * plane, (image * classes + 1) * plane);
    for (let c = 1; c < classes; c++) {
      const at = (image * classes + c) * plane;
      for (let i = 0; i < plane; i++) best[i] = Math.max(best[i], logits[at + i]);
    }
    const [left, top, right, bottom] = placed.subarray(4 * image, 4 * image + 4);
    const boxes = clipBoxes(boxesOf(said, image, topK(best, most)), right, bottom, left, top);
    return takeBoxes(boxes, nms(boxes, removeSmallBoxes(boxes, 1e-3), REGION_NMS, MAX_REGIONS));
  });
}

function boxesOf(said: CellArrays, image: number, cells: Int32Array): Float32Array {
  const size = 4 * said.height * said.width;
  return decodeDistances(said.distances.subarray(image * size, (image + 1) * size), cells, said);
}
