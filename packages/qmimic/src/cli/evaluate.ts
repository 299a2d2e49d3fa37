// qmimic evaluate: scores files of detections, of any system, by the protocols of VOC, COCO and WIDER FACE.
import type { Command } from "commander";
import { readVoc } from "../data/voc.js";
import { evaluateCoco } from "../eval/coco.js";
import { readCoco } from "../eval/cocoFiles.js";
import { evaluateVoc, evaluateVocRange } from "../eval/voc.js";
import { readVocDetections } from "../eval/vocFiles.js";
import { evaluateWiderSets } from "../eval/wider.js";
import { readWider, WIDER_SETS } from "../eval/widerFiles.js";
import { writeFileAtomic } from "../files.js";
import { positiveShare } from "./numbers.js";

interface Flags {
  groundTruth: string;
  detections: string;
  json?: string;
}

interface VocFlags extends Flags {
  split: string;
  classes?: string;
  iou: number;
  inclusive: boolean;
}

export function addEvaluate(program: Command): void {
  const evaluate = program
    .command("evaluate")
    .description("score files of detections, of any system, by the protocol of VOC, COCO or WIDER FACE");
  const verb = (name: string, description: string, truth: string, detections: string) =>
    evaluate
      .command(name)
      .description(description)
      .requiredOption("--ground-truth <path>", truth)
      .requiredOption("--detections <path>", detections)
      .option("--json <file>", "write all numbers there");
  verb(
    "voc",
    "average precision by VOC's development kit, by all points and by 11 points",
    "folder in the Pascal VOC layout",
    "folder with comp4_det_SPLIT_CLASS.txt or CLASS.txt of every class",
  )
    .option("--split <name>", "list of images", "test")
    .option("--classes <names>", "score these, and leave all others out")
    .option("--iou <number>", "IoU from which a detection finds an object", positiveShare, 0.5)
    .option("--no-inclusive", "take the far sides of boxes as borders, not as the last pixels inside")
    .action(voc);
  verb("coco", "AP and AR by COCO's protocol", "annotation file", "results file").action(coco);
  verb(
    "wider",
    "AP of the sets easy, medium and hard by WIDER FACE's protocol",
    "folder with wider_face_val.mat and wider_{easy,medium,hard}_val.mat",
    "folder with a folder of text files for each event",
  ).action(wider);
}

async function voc(flags: VocFlags): Promise<void> {
  const { groundTruth, split, iou: iouThreshold, inclusive: pixelInclusive } = flags;
  const asked = flags.classes?.split(",").map((name) => name.trim());
  const dataset = await readVoc(groundTruth, split, {
    checkImages: false,
    ...(asked ? { classes: asked, ignoreOthers: true } : {}),
  });
  const { classes, samples } = dataset;
  const detections = await readVocDetections(
    flags.detections,
    classes,
    samples.map(({ id }) => id),
  );
  const truths = samples.map(({ id, boxes, labels, difficult }) => ({
    id,
    boxes,
    difficult,
    labels: labels.map((label) => label - 1),
  }));
  const options = { classes, pixelInclusive };
  const all = evaluateVoc(truths, detections, { ...options, iouThreshold });
  const eleven = evaluateVoc(truths, detections, { ...options, iouThreshold, interpolation: "11-point" });
  const range = evaluateVocRange(truths, detections, options);
  const name = `AP at IoU ${iouThreshold}`;
  const width = Math.max(5, ...classes.map((one) => one.length));
  const row = (label: string, numbers: number[]) =>
    console.log(`${label.padEnd(width)}  ${numbers.map((one) => percent(one).padStart(10)).join("")}`);
  console.log(`${groundTruth}, split ${split}: ${samples.length} images\n`);
  console.log(`${name}: all points, 11 points; mean over IoU 0.5 to 0.95\n`);
  classes.forEach((one, label) => {
    row(one, [all.classes[label].ap, eleven.classes[label].ap, range.classAps[label]]);
  });
  row("mean", [all.mAP, eleven.mAP, range.mAP]);
  await write(flags, {
    iou: iouThreshold,
    inclusive: pixelInclusive,
    images: samples.length,
    mAP: all.mAP,
    mAP11: eleven.mAP,
    mAP50to95: range.mAP,
    classes: classes.map((one, label) => ({
      name: one,
      objects: all.classes[label].positives,
      detections: all.classes[label].detections,
      ap: all.classes[label].ap,
      ap11: eleven.classes[label].ap,
      ap50to95: range.classAps[label],
    })),
  });
}

async function coco(flags: Flags): Promise<void> {
  const { images, classes } = await readCoco(flags.groundTruth, flags.detections);
  const result = evaluateCoco(images, classes.length);
  const lines: [string, number][] = [
    ["AP      IoU 0.5 to 0.95", result.ap],
    ["AP50    IoU 0.5", result.ap50],
    ["AP75    IoU 0.75", result.ap75],
    ["AP      small, below 32 x 32 px", result.apSmall],
    ["AP      medium, to 96 x 96 px", result.apMedium],
    ["AP      large", result.apLarge],
    ["AR      1 detection an image", result.ar1],
    ["AR      10 detections", result.ar10],
    ["AR      100 detections", result.ar100],
    ["AR      small", result.arSmall],
    ["AR      medium", result.arMedium],
    ["AR      large", result.arLarge],
  ];
  console.log(`${flags.groundTruth}: ${images.length} images, ${classes.length} categories\n`);
  for (const [name, value] of lines) console.log(`${name.padEnd(34)}${percent(value).padStart(6)}`);
  await write(flags, {
    images: images.length,
    ...result,
    classes: classes.map((name, label) => ({ name, ...result.classes[label] })),
  });
}

/** Missing files are named up to this many. */
const SHOWN = 5;

async function wider(flags: Flags): Promise<void> {
  const { images, sets, missing } = await readWider(flags.groundTruth, flags.detections);
  const aps = evaluateWiderSets(images, sets);
  console.log(`${flags.groundTruth}: ${images.length} images\n`);
  for (const [s, name] of WIDER_SETS.entries())
    console.log(`${name.padEnd(8)}${percent(aps[s]).padStart(6)}`);
  if (missing.length > 0) {
    const more = missing.length > SHOWN ? `, and ${missing.length - SHOWN} more` : "";
    console.log(
      `\n${missing.length} images have no file and count as without detections: ${missing.slice(0, SHOWN).join(", ")}${more}`,
    );
  }
  const named = Object.fromEntries(WIDER_SETS.map((name, s) => [name, aps[s]]));
  await write(flags, { images: images.length, missing, ...named });
}

const percent = (value: number): string => (Number.isNaN(value) ? "-" : (100 * value).toFixed(2));

async function write({ json, groundTruth, detections }: Flags, numbers: object): Promise<void> {
  if (json === undefined) return;
  await writeFileAtomic(json, `${JSON.stringify({ groundTruth, detections, ...numbers }, null, 2)}\n`);
  console.log(`\nnumbers   ${json}`);
}
