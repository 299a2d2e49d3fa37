// The interface of format readers: images with their raw labels. Checks and label numbers follow in dataset.ts.
import type { Box, ImageSize } from "../boxes.js";
import type { FolderTree } from "../folderTree.js";
import type { Findings } from "../problems.js";

export const FORMATS = ["voc", "coco", "yolo", "labelme", "cvat", "wider"] as const;
export type Format = (typeof FORMATS)[number];

export const FORMAT_NAMES: Readonly<Record<Format, string>> = {
  voc: "Pascal VOC",
  coco: "COCO",
  yolo: "YOLO",
  labelme: "labelme",
  cvat: "CVAT for images",
  wider: "WIDER FACE",
};

/** A label file, and the split to which its images belong. */
export interface SplitFile {
  /** Relative to the root. */
  path: string;
  split: string;
}

/** Object attributes of some formats. The heavy ones are from WIDER FACE. */
export const MARKS = ["truncated", "occluded", "heavy-blur", "heavy-occlusion"] as const;
export type Mark = (typeof MARKS)[number];

export interface LabelledObject {
  name: string;
  /** Raw, not yet checked. */
  box: Box;
  /** Ignored in training and scoring: VOC's `difficult`, COCO's `iscrowd`, WIDER FACE's `invalid`. */
  difficult: boolean;
  /** Attributes that the setting `ignore` can name. */
  marks?: readonly Mark[];
  /** Position for messages: "object 3", "line 5". */
  at: string;
}

export interface LabelledImage {
  /** The image's path without extension, relative to the split's image folder; unique in the split. */
  id: string;
  /** Relative to the root; undefined if missing. */
  image: string | undefined;
  /** The expected path, for messages. */
  expected: string;
  /** The reason, if it is not simply missing. */
  problem?: string;
  /** The label file, relative to the root. */
  labels: string;
  /** From the labels; undefined: use the image's header. */
  size: ImageSize | undefined;
  objects: LabelledObject[];
  /** Boxes are fractions of the image's sides, as in YOLO. */
  relative?: boolean;
}

/** The labels of a folder in one format. */
export interface LabelSource {
  format: Format;
  /** The folder's layout, as text. */
  layout: string;
  /** Depth of the labels, see depthOf: of two formats, the shallower one is used. */
  depth: number;
  /** The VOC folder below the root, if it is not the root itself. */
  base?: string;
  /** Names of the splits. */
  splits: readonly string[];
  /** Whether the splits are lists of `qmimic data split` over one set: each reports what is unread in all of it. */
  isSplitByLists?: boolean;
  /** Declared classes, in label order; undefined: those of the objects, sorted. */
  classes(): Promise<readonly string[] | undefined>;
  /**
   * Where labels state image sizes: nowhere, in each image's file, or in one file for all, so that no image
   * needs to be opened before it is decoded.
   */
  sizes: "none" | "each" | "together";
  /** Notes on skipped files and on the layout. */
  notes: readonly string[];
  /** @param split one of `splits`, or a name known only to this reader. Problems go to `findings`. */
  read(split: string, findings: Findings): Promise<LabelledImage[]>;
  /** Readable splits that are not in `splits`: VOC's per-class lists. */
  hidden?: readonly string[];
  /** Files of the set besides images and their labels: lists, class names. */
  ownFiles: readonly string[];
}

/** Finds labels of one format in a folder. */
export type FindLabels = (tree: FolderTree) => Promise<LabelSource | undefined>;
