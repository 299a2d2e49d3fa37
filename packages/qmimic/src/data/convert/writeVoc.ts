// A set as Pascal VOC: JPEGImages, Annotations, ImageSets/Main, and CVAT's labelmap.txt for the order of the classes.
import { join } from "node:path";
import { writeFileAtomic } from "../../files.js";
import { mapConcurrent } from "../concurrent.js";
import { stemOf } from "../endings.js";
import { WHOLE } from "../splitNames.js";
import { shortest } from "./decimals.js";
import { type LabelWriter, lostMarks, type OutSample } from "./types.js";

const MARKS_OF_VOC = ["truncated", "occluded"] as const;

export const writeVoc: LabelWriter = {
  images: "JPEGImages",
  async write(folder, { classes, splits }) {
    const samples = new Map(splits.flatMap((split) => split.samples.map((sample) => [sample.name, sample])));
    await mapConcurrent([...samples.values()], 16, (sample) =>
      writeFileAtomic(join(folder, "Annotations", `${stemOf(sample.name)}.xml`), annotation(sample, classes)),
    );
    for (const { name, samples } of splits) {
      const list = samples.map((sample) => `${stemOf(sample.name)}\n`).join("");
      const file = `${name === WHOLE ? "default" : name}.txt`;
      await writeFileAtomic(join(folder, "ImageSets", "Main", file), list);
    }
    const lines = [
      "# label:color_rgb:parts:actions",
      ...["background", ...classes].map((name) => `${name}:::`),
    ];
    await writeFileAtomic(join(folder, "labelmap.txt"), `${lines.join("\n")}\n`);
    return lostMarks(splits, MARKS_OF_VOC);
  },
};

function annotation(sample: OutSample, classes: readonly string[]): string {
  const { name, width, height, labels } = sample;
  return `<annotation>
  <filename>${escapeXml(name)}</filename>
  <size><width>${width}</width><height>${height}</height><depth>3</depth></size>
${[...labels.keys()].map((i) => object(sample, i, classes)).join("")}</annotation>
`;
}

function object(
  { boxes, labels, difficult, marks }: OutSample,
  i: number,
  classes: readonly string[],
): string {
  const [xmin, ymin, xmax, ymax] = Array.from(boxes.subarray(4 * i, 4 * i + 4), shortest);
  return `  <object>
    <name>${escapeXml(classes[labels[i] - 1])}</name>
    <difficult>${difficult[i]}</difficult>
${marksOf(marks[i])}    <bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox>
  </object>
`;
}

const marksOf = (marks: OutSample["marks"][number]): string =>
  MARKS_OF_VOC.filter((mark) => marks.includes(mark))
    .map((mark) => `    <${mark}>1</${mark}>\n`)
    .join("");

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const escapeXml = (text: string): string => text.replace(/[&<>]/g, (letter) => ESCAPES[letter]);
