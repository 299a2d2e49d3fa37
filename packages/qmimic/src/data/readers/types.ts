// What every format's reader gives: images with their labels as written. Checks and label numbers follow in dataset.ts.
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

/** Attributes of objects that some formats have. The heavy ones are WIDER FACE's. */
export const MARKS = ["truncated", "occluded", "heavy-blur", "heavy-occlusion"] as const;
export type Mark = (typeof MARKS)[number];

export interface LabelledObject {
  name: string;
  /** As written, not yet checked. */
  box: Box;
  /** Neither learned nor scored: VOC's `difficult`, COCO's `iscrowd`, WIDER FACE's `invalid`. */
  difficult: boolean;
  /** Attributes that the setting `ignore` can name. */
  marks?: readonly Mark[];
  /** Its number or line, as messages name it: "object 3", "line 5". */
  at: string;
}

export interface LabelledImage {
  /** The image's path without ending, from the folder of the split's images; unique in the split. */
  id: string;
  /** Relative to the root; undefined when there is none. */
  image: string | undefined;
  /** Where it was expected, for the message. */
  expected: string;
  /** Why there is none, where it is not simply missing. */
  problem?: string;
  /** The file with its labels, relative to the root. */
  labels: string;
  /** As the labels state it; undefined: they do not, and the image's header decides. */
  size: ImageSize | undefined;
  objects: LabelledObject[];
  /** Boxes are fractions of the image's sides, as YOLO has them. */
  relative?: boolean;
}

/** The labels of a folder in one format. */
export interface LabelSource {
  format: Format;
  /** How the folder is laid out, in words. */
  layout: string;
  /** How deep it lies, see depthOf: of two formats the shallower one is meant. */
  depth: number;
  /** The folder of VOC in the root, where it is not the root itself. */
  base?: string;
  /** Names of the splits. */
  splits: readonly string[];
  /** Classes that the format declares, in the order of their numbers; undefined: those of the objects, sorted. */
  classes(): Promise<readonly string[] | undefined>;
  /**
   * Whether labels state the sizes of their images: not at all, each file that of its image, or one file those of all, so
   * that no image needs to be opened before training decodes it.
   */
  sizes: "none" | "each" | "together";
  /** What was passed over on the way, and what is worth saying of the layout. */
  notes: readonly string[];
  /** @param split one of `splits`, or a name that only this reader knows. Problems go to `findings`. */
  read(split: string, findings: Findings): Promise<LabelledImage[]>;
  /** Splits that can be read but are not among `splits`: VOC's lists of one class. */
  hidden?: readonly string[];
  /** Files that belong to the set besides images and the labels of images: lists, names of classes. */
  ownFiles: readonly string[];
}

/** Looks whether the folder has labels of a format. */
export type FindLabels = (tree: FolderTree) => Promise<LabelSource | undefined>;
