// Reads Pascal VOC, without detecting the format.
import { type ReadOptions, readDataset } from "./dataset.js";
import type { Dataset } from "./types.js";

/** Reads one split of a folder of VOC annotations. @throws InputError, see readDataset */
export const readVoc = (root: string, split: string, options: ReadOptions = {}): Promise<Dataset> =>
  readDataset(root, split, { ...options, format: "voc" });
