// What the evaluators take: boxes xyxy in pixels, labels counted from 0 in the order of the class names.

export interface ImageDetections {
  /** The same id as in the ground truth. */
  id: string;
  /** [N, 4] xyxy. */
  boxes: Float32Array;
  /** [N], any scale; only their order counts. */
  scores: Float32Array;
  /** [N], 0 .. classes - 1. */
  labels: Int32Array;
}

export interface ImageGroundTruth {
  id: string;
  /** [G, 4] xyxy. */
  boxes: Float32Array;
  /** [G], 0 .. classes - 1. */
  labels: Int32Array;
  /** [G], 1 for objects that count neither when found nor when missed. */
  difficult: Uint8Array;
}
