// The types that every reader returns.

/** One labelled image. */
export interface Sample {
  /** Unique within its split: the image's path without extension, relative to the image folder. */
  id: string;
  imagePath: string;
  /** Size in pixels after EXIF orientation, from the labels; from the image if they do not state it. */
  width: number;
  height: number;
  /**
   * xyxy in pixels of the image (after EXIF orientation), 4 numbers per object, inside [0, width] x [0,
   * height].
   */
  boxes: Float32Array;
  /** 1..K, one per object; label 1 is classes[0]. 0 is background, used only inside the models. */
  labels: Int32Array;
  /**
   * 1 for objects to ignore in training and evaluation, else 0: VOC's `difficult`, COCO's `iscrowd`, WIDER
   * FACE's `invalid`.
   */
  difficult: Uint8Array;
}

/** The samples of one split. */
export interface Dataset {
  /** The data folder. */
  root: string;
  split: string;
  /** classes[0] is label 1. */
  classes: string[];
  samples: Sample[];
}

/** A problem in the data: its file, and a message with what is wrong, what was expected and the remedy. */
export interface Problem {
  file: string;
  message: string;
}
