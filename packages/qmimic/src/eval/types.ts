// Input of the evaluators: boxes xyxy in pixels, labels counted from 0 in class order.

/**
 * Detectors output float32; files of other systems are read as float64, so that different scores stay
 * different.
 */
export type Numbers = Float32Array | Float64Array;

export interface ImageDetections {
  /** The same id as in the ground truth. */
  id: string;
  /** [N, 4] xyxy. */
  boxes: Numbers;
  /** [N], any scale; only the order matters. */
  scores: Numbers;
  /** [N], 0 .. classes - 1. */
  labels: Int32Array;
  /** [N] width * height, if a file states them: computing from corners may change the last bit. */
  boxAreas?: Float64Array;
}

export interface ImageGroundTruth {
  id: string;
  /** [G, 4] xyxy. */
  boxes: Numbers;
  /** [G], 0 .. classes - 1. */
  labels: Int32Array;
  /** [G], 1 for objects that are ignored whether found or missed: VOC's `difficult`, COCO's `iscrowd`. */
  difficult: Uint8Array;
  /** [G] width * height, as for detections. */
  boxAreas?: Float64Array;
  /** [G] square pixels; in COCO the area of the object's outline. Default: the box area. */
  areas?: Float64Array;
}
