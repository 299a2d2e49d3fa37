// Decodes cell outputs to candidate boxes for mimicking.
import {
  clipBoxes,
  decodeDistances,
  MIN_REGION_SIDE,
  nms,
  removeSmallBoxes,
  takeBoxes,
  topK,
} from "@qmimic/runtime";
import type { CellArrays } from "./alignment.js";

/** IoU above which a region is suppressed, and maximum regions per image. */
const REGION_NMS = 0.7;
const MAX_REGIONS = 500;

/**
 * Boxes of each image by their best class score, best first, clipped to the image, after NMS.
 * @param placed each image's area on the canvas, [B, 4] xyxy
 * @param max boxes per image before NMS
 * @returns [N, 4] xyxy per image
 */
export function bestRegions(arrays: CellArrays, placed: Float32Array, max: number): Float32Array[] {
  const { logits, classes, height, width } = arrays;
  const plane = height * width;
  return Array.from({ length: placed.length / 4 }, (_, image) => {
    const best = logits.slice(image * classes * plane, (image * classes + 1) * plane);
    for (let c = 1; c < classes; c++) {
      const at = (image * classes + c) * plane;
      for (let i = 0; i < plane; i++) best[i] = Math.max(best[i], logits[at + i]);
    }
    const area = placed.subarray(4 * image, 4 * image + 4);
    const boxes = clipBoxes(boxesOf(arrays, image, topK(best, max)), area);
    const order = removeSmallBoxes(boxes, MIN_REGION_SIDE);
    return takeBoxes(boxes, nms({ boxes, order }, REGION_NMS, MAX_REGIONS));
  });
}

function boxesOf(arrays: CellArrays, image: number, cells: Int32Array): Float32Array {
  const size = 4 * arrays.height * arrays.width;
  return decodeDistances(arrays.distances.subarray(image * size, (image + 1) * size), cells, arrays);
}
