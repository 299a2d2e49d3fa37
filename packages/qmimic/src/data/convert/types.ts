// What a writer of a format gets: all splits, checked and with label numbers.
import type { Sample } from "../types.js";

export interface OutSample extends Sample {
  /** The image's place below the folder of images, with its ending and "/" between folders. */
  name: string;
}

export interface OutSplit {
  name: string;
  samples: readonly OutSample[];
}

export interface Outgoing {
  classes: readonly string[];
  splits: readonly OutSplit[];
}

/** Writes the labels of all splits into a new folder. */
export interface LabelWriter {
  /** Where the images of the set belong in it. */
  images: string;
  /** @returns what the format cannot say, as text: nothing is lost in silence */
  write(folder: string, outgoing: Outgoing): Promise<string[]>;
}
