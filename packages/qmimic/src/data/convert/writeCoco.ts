// A set as COCO: images, and annotations/instances_<split>.json.
import { join } from "node:path";
import { writeFileAtomic } from "../../files.js";
import { WHOLE } from "../splitNames.js";
import { shortest, shortestFitting } from "./decimals.js";
import { type LabelWriter, lostMarks, type OutSample } from "./types.js";

export const writeCoco: LabelWriter = {
  images: "images",
  async write(folder, { classes, splits }) {
    const categories = classes.map((name, i) => JSON.stringify({ id: i + 1, name, supercategory: "" }));
    for (const { name, samples } of splits) {
      const images = samples.map(({ name: file_name, width, height }, i) =>
        JSON.stringify({ id: i + 1, file_name, width, height }),
      );
      const annotations: string[] = [];
      samples.forEach((sample, i) => {
        for (let object = 0; object < sample.labels.length; object++) {
          annotations.push(
            JSON.stringify({ id: annotations.length + 1, ...annotation(sample, object, i + 1) }),
          );
        }
      });
      const lists = Object.entries({ images, annotations, categories }).map(
        ([key, items]) => `${JSON.stringify(key)}: [\n${items.join(",\n")}\n]`,
      );
      const file = `instances_${name === WHOLE ? "default" : name}.json`;
      await writeFileAtomic(join(folder, "annotations", file), `{${lists.join(",\n")}}\n`);
    }
    return lostMarks(splits);
  },
};

function annotation({ boxes, labels, difficult }: OutSample, i: number, image_id: number): object {
  const [xmin, ymin, xmax, ymax] = Array.from(boxes.subarray(4 * i, 4 * i + 4), shortest);
  const [width, height] = [length(xmin, xmax), length(ymin, ymax)];
  return {
    image_id,
    category_id: labels[i],
    bbox: [xmin, ymin, width, height],
    area: shortest(width * height),
    iscrowd: difficult[i],
  };
}

/** A length that gives the same float32 end again. */
const length = (from: number, to: number): number =>
  shortestFitting(to - from, (short) => Math.fround(from + short) === Math.fround(to));
