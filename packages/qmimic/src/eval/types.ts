// What the evaluators take: boxes xyxy in pixels, labels counted from 0 in the order of the class names.

/** Detectors give single precision; files of other systems are read in double, so that no two scores become one. */
export type Numbers = Float32Array | Float64Array;

export interface ImageDetections {
  /** The same id as in the ground truth. */
  id: string;
  /** [N, 4] xyxy. */
  boxes: Numbers;
  /** [N], any scale; only their order counts. */
  scores: Numbers;
  /** [N], 0 .. classes - 1. */
  labels: Int32Array;
  /** [N] width * height, where a file states them: corners in floating point give another last bit. */
  boxAreas?: Float64Array;
}

export interface ImageGroundTruth {
  id: string;
  /** [G, 4] xyxy. */
  boxes: Numbers;
  /** [G], 0 .. classes - 1. */
  labels: Int32Array;
  /** [G], 1 for objects that count neither when found nor when missed: VOC's `difficult`, COCO's `iscrowd`. */
  difficult: Uint8Array;
  /** [G] width * height, as for detections. */
  boxAreas?: Float64Array;
  /** [G] square pixels; COCO's is that of the object's outline. Default: the area of the box. */
  areas?: Float64Array;
}
