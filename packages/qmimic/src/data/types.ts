// What every reader of labelled photographs returns.

/** One labelled photograph. */
export interface Sample {
  /** Unique within its split: the image's path without ending, from the folder of the images. */
  id: string;
  imagePath: string;
  /** Size in pixels of the image after its EXIF orientation, as the labels state it; of the image where they do not. */
  width: number;
  height: number;
  /** xyxy in pixels of the image (after EXIF orientation), 4 numbers an object, inside [0, width] x [0, height]. */
  boxes: Float32Array;
  /** 1..K, one an object; label 1 is classes[0]. 0 is background, inside the models only. */
  labels: Int32Array;
  /**
   * 1 for objects that are neither learned nor counted in an evaluation, else 0: VOC's `difficult`, COCO's `iscrowd`,
   * WIDER FACE's `invalid`.
   */
  difficult: Uint8Array;
}

/** The samples of one split. */
export interface Dataset {
  /** Folder that holds the data. */
  root: string;
  split: string;
  /** classes[0] is label 1. */
  classes: string[];
  samples: Sample[];
}

/** Something wrong in the data: the file it is in, and what is wrong, was expected and can be done. */
export interface Problem {
  file: string;
  message: string;
}
