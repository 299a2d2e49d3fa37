// qmimic evaluate: scores any system's detection files with the VOC, COCO or WIDER FACE protocol.
import type { Command } from "commander";
import { evaluateCoco } from "../eval/coco.js";
import { readCoco } from "../eval/readers/cocoJson.js";
import { readVocFiles } from "../eval/readers/vocFiles.js";
import { readWider } from "../eval/readers/widerFolder.js";
import { scoreVoc } from "../eval/vocScores.js";
import { evaluateWider } from "../eval/wider.js";
import { writeFileAtomic } from "../files.js";
import { formatCoco, formatVoc, formatWider } from "../report/protocolText.js";
import { listed } from "../text.js";
import { namesOf } from "./names.js";
import { positiveFraction } from "./numbers.js";
import { say } from "./output.js";

interface EvaluateFlags {
  groundTruth: string;
  detections: string;
  json?: string;
}

interface VocFlags extends EvaluateFlags {
  split: string;
  classes?: string;
  iou: number;
  inclusive?: boolean;
}

export function addEvaluate(program: Command): void {
  const evaluate = program
    .command("evaluate")
    .description("score any system's detection files with the VOC, COCO or WIDER FACE protocol");
  const protocol = (name: string, description: string, [truth, detections]: [string, string]): Command =>
    evaluate
      .command(name)
      .description(description)
      .requiredOption("--ground-truth <path>", truth)
      .requiredOption("--detections <path>", detections)
      .option("--json <file>", "write all numbers to this file");
  protocol("voc", "average precision per class, all-point and 11-point", [
    "folder with Annotations and ImageSets/Main; images are not needed",
    "folder with one file per class, comp4_det_test_CLASS.txt; lines: image score xmin ymin xmax ymax",
  ])
    .option("--split <name>", "list in ImageSets/Main", "test")
    .option("--classes <names>", "score only these classes (default: all with objects in the split)")
    .option("--iou <number>", "minimum IoU for a detection to match an object", positiveFraction, 0.5)
    .option(
      "--inclusive",
      "boxes include their last pixel, as in VOC's devkit (default: coordinates are edges)",
    )
    .action(voc);
  protocol("coco", "pycocotools' twelve box metrics", [
    "JSON with images, annotations and categories",
    "JSON list of results: image_id, category_id, bbox, score",
  ]).action(coco);
  protocol("wider", "average precision on WIDER FACE's easy, medium and hard faces", [
    "folder with wider_easy_val.mat, wider_medium_val.mat and wider_hard_val.mat",
    "submission folder: EVENT/IMAGE.txt",
  ]).action(wider);
}

async function voc(flags: VocFlags): Promise<void> {
  const { groundTruth, detections, split, iou, inclusive = false } = flags;
  const names = flags.classes === undefined ? undefined : namesOf(flags.classes);
  const input = await readVocFiles(groundTruth, split, detections, names);
  const { classes, missing } = input;
  const scores = scoreVoc(input.groundTruths, input.detections, {
    classes,
    iouThreshold: iou,
    pixelInclusive: inclusive,
  });
  say(`${groundTruth}, split ${split}: ${input.groundTruths.length} images\n\n${formatVoc(scores)}`);
  if (missing.length > 0) {
    say(`\nno file for ${listed(missing)}: counted as no detections, average precision 0`);
  }
  await writeNumbers(flags, { protocol: "voc", images: input.groundTruths.length, ...scores, missing });
}

async function coco(flags: EvaluateFlags): Promise<void> {
  const { classes, groundTruths, detections } = await readCoco(flags.groundTruth, flags.detections);
  const result = evaluateCoco(groundTruths, detections, classes);
  say(`${flags.groundTruth}: ${groundTruths.length} images\n\n${formatCoco(result)}`);
  await writeNumbers(flags, { protocol: "coco", images: groundTruths.length, ...result });
}

async function wider(flags: EvaluateFlags): Promise<void> {
  const { images, settings, missing } = await readWider(flags.groundTruth, flags.detections);
  const results = evaluateWider(images, settings);
  say(`${flags.groundTruth}: ${images.length} images\n\n${formatWider(results)}`);
  if (missing.length > 0) {
    const what = missing.length === 1 ? "1 image has no file" : `${missing.length} images have no file`;
    say(`\n${what} (${listed(missing)}): their faces count as missed`);
  }
  await writeNumbers(flags, {
    protocol: "wider",
    images: images.length,
    settings: results.map(({ name, ap, faces }) => ({ name, ap, faces })),
    missing,
  });
}

async function writeNumbers(command: EvaluateFlags, numbers: Record<string, unknown>): Promise<void> {
  if (command.json === undefined) return;
  await writeFileAtomic(command.json, `${JSON.stringify({ command, ...numbers }, null, 2)}\n`);
  say(`\nnumbers   ${command.json}`);
}
