// A writer's input: all splits, checked and with label numbers.
import type { Mark } from "../readers/types.js";
import type { Sample } from "../types.js";

export interface OutSample extends Sample {
  /** The image's path relative to the image folder, with extension and "/" between folders. */
  name: string;
  /** Per object. */
  marks: readonly (readonly Mark[])[];
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
  /** The image folder in it. */
  images: string;
  /** @returns what the format cannot represent, as text: nothing is lost silently */
  write(folder: string, outgoing: Outgoing): Promise<string[]>;
}

/** What a format that supports only the marks `kept` loses. */
export function lostMarks(splits: readonly OutSplit[], kept: readonly Mark[] = []): string[] {
  const counts = new Map<Mark, number>();
  const images = new Map(splits.flatMap(({ samples }) => samples.map(({ name, marks }) => [name, marks])));
  for (const mark of [...images.values()].flat(2)) counts.set(mark, (counts.get(mark) ?? 0) + 1);
  return [...counts].flatMap(([mark, count]) => (kept.includes(mark) ? [] : [`${mark}: ${count}`]));
}
