// The interface of a two-stage detector's head: predicts class and box deltas for regions of a map.
import { Module, type Tensor } from "@qmimic/torch";

/** A head's outputs for M regions. */
export interface RegionOutputs {
  /** [M, classes + 1], label 0 is background */
  logits: Tensor;
  /** [M, 4 * (classes + 1)], or [M, 4] if all classes share the deltas */
  deltas: Tensor;
}

export abstract class RegionHead extends Module {
  /**
   * @param features [B, C, H, W]
   * @param boxes [N, 4] xyxy per image, in pixels of the network's input
   */
  abstract forward(features: Tensor, boxes: readonly Float32Array[]): RegionOutputs;
}

/** Boxes per image -> [M, 5] of image index and box, the input of RoIAlign. */
export function numbered(boxes: readonly Float32Array[]): Float32Array {
  const rois = new Float32Array((5 * boxes.reduce((sum, list) => sum + list.length, 0)) / 4);
  let at = 0;
  for (let image = 0; image < boxes.length; image++) {
    const list = boxes[image];
    for (let k = 0; k < list.length; k += 4, at += 5) {
      rois[at] = image;
      rois[at + 1] = list[k];
      rois[at + 2] = list[k + 1];
      rois[at + 3] = list[k + 2];
      rois[at + 4] = list[k + 3];
    }
  }
  return rois;
}
