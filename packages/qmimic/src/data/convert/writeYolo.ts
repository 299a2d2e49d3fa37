// A set as YOLO: images, labels, data.yaml and an image list per split, which keeps their order.
import { join } from "node:path";
import { stringify } from "yaml";
import { writeFileAtomic } from "../../files.js";
import type { Box } from "../boxes.js";
import { mapConcurrent } from "../concurrent.js";
import { stemOf } from "../endings.js";
import { centreOf, fromCentre, toPixels } from "../fractions.js";
import { counted } from "../problems.js";
import { WHOLE } from "../splitNames.js";
import { type LabelWriter, lostMarks, type OutSample, type OutSplit } from "./types.js";

export const writeYolo: LabelWriter = {
  images: "images",
  async write(folder, { classes, splits }) {
    const samples = new Map(splits.flatMap((split) => split.samples.map((sample) => [sample.name, sample])));
    await mapConcurrent([...samples.values()], 16, (sample) =>
      writeFileAtomic(join(folder, labelPath(sample.name)), lines(sample)),
    );
    const whole = nameOfWhole(splits);
    const named = splits.map(({ name, samples }) => ({ name: name === WHOLE ? whole : name, samples }));
    for (const { name, samples } of named) {
      const list = samples.map((sample) => `./images/${sample.name}\n`).join("");
      await writeFileAtomic(join(folder, `${name}.txt`), list);
    }
    const config = {
      ...Object.fromEntries(named.map(({ name }) => [name, `${name}.txt`])),
      names: Object.fromEntries(classes.entries()),
    };
    await writeFileAtomic(join(folder, "data.yaml"), stringify(config));
    return lostOf(splits, [...samples.values()]);
  },
};

/** YOLO needs a train split; images that are in no split may stand beside one. */
const nameOfWhole = (splits: readonly OutSplit[]): string =>
  splits.some(({ name }) => name === "train") ? WHOLE : "train";

function lostOf(splits: readonly OutSplit[], samples: readonly OutSample[]): string[] {
  const ignored = samples.reduce(
    (sum, { difficult }) => sum + difficult.filter((flag) => flag !== 0).length,
    0,
  );
  return [
    ...lostMarks(splits),
    ...(ignored === 0
      ? []
      : [
          `${counted(ignored, "object")} marked difficult or crowd: YOLO cannot mark them, so they are left out`,
        ]),
    ...(splits.some(({ name }) => name === WHOLE) && nameOfWhole(splits) === "train"
      ? ["the lack of splits: the whole set is called train"]
      : []),
  ];
}

/** Replaces the last folder "images" of the path by "labels", as YOLO readers expect. */
function labelPath(name: string): string {
  const parts = `images/${stemOf(name)}.txt`.split("/");
  parts[parts.lastIndexOf("images", parts.length - 2)] = "labels";
  return parts.join("/");
}

function lines({ boxes, labels, difficult, width, height }: OutSample): string {
  return [...labels.keys()]
    .filter((i) => difficult[i] === 0)
    .map(
      (i) =>
        `${labels[i] - 1} ${fractions([...boxes.subarray(4 * i, 4 * i + 4)] as Box, { width, height }).join(" ")}\n`,
    )
    .join("");
}

/** Centre, width and height as fractions, with just enough digits to read back the same box. */
function fractions(box: Box, size: { width: number; height: number }): number[] {
  const exact = centreOf(box, size);
  for (let digits = 4; digits < 17; digits++) {
    const short = exact.map((value) => Number(value.toPrecision(digits)));
    const read = toPixels(fromCentre(short), size);
    if (read.every((value, i) => Math.fround(value) === box[i])) return short;
  }
  return exact;
}
