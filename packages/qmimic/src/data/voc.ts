// Reads Pascal VOC, without detecting the format.
import { type ReadOptions, readDataset } from "./dataset.js";
import type { Dataset } from "./types.js";

export type VocReadOptions = ReadOptions;

/** Reads one split of a folder of VOC annotations. @throws InputError, see readDataset */
export const readVoc = (root: string, split: string, options: VocReadOptions = {}): Promise<Dataset> =>
  readDataset(root, split, { ...options, format: "voc" });
