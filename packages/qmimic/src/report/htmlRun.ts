// Reads a run for its report, only from its folder: a report can be recreated at any time.
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { InputError, reasonOf } from "../errors.js";
import { orNull } from "../eval/tally.js";
import { readText as readTextFile } from "../files.js";
import { type DetectorConfig, parseConfig, quantizerSchema } from "../models/index.js";
import { STAGES } from "../train/plan.js";
import type { Recipe } from "../train/recipe.js";
import { bestOf } from "../train/results.js";
import { metricsFile, resultsFile, weightFiles } from "../train/runFiles.js";
import { readRunRecipe } from "../train/runFolder.js";
import { loadDetector, readConfig } from "../train/weights.js";
import { type DetectorCost, detectorCost } from "./summary.js";

const fraction = z.number().nullable();

const classSchema = z.object({
  name: z.string(),
  ap: fraction,
  ap50to95: fraction,
  objects: z.number(),
  bestF1: z.object({ precision: z.number(), recall: z.number(), threshold: z.number() }).nullable(),
  curve: z.array(z.number()).nullable().default(null),
});

/** A detector's cost in metrics.json. */
export const costSchema = z.object({
  parameters: z.number(),
  bytesFp32: z.number(),
  bytesInt8: z.number(),
  bytesGzip: z.number(),
  multiplyAdds: z.number(),
});

/** A stage in metrics.json. */
export const stageSchema = z.object({
  stage: z.enum(STAGES),
  val: fraction,
  bestEpoch: z.number(),
  quantizer: quantizerSchema,
  match: fraction,
  matchActive: fraction.default(null),
  teacherVal: fraction.optional(),
  /** Missing in runs of older versions. */
  config: z.unknown().optional(),
  cost: costSchema.optional(),
});

const metricsSchema = z.object({
  stages: z.array(stageSchema),
  /** The last stage's result from `evaluate` on the val split. */
  evaluation: z
    .object({
      iou: z.number(),
      classes: z.array(classSchema),
      confusion: z.object({ matrix: z.array(z.array(z.number())) }).optional(),
    })
    .optional(),
});

type Metrics = z.infer<typeof metricsSchema>;

/** A row of results.csv by column name; NaN for empty cells. */
export type ResultRow = Record<string, number> & { val: number };

export type RunStage = Omit<Metrics["stages"][number], "config" | "cost"> & {
  rows: ResultRow[];
  config: DetectorConfig;
  cost: DetectorCost;
};

export interface RunContent {
  name: string;
  /** As given by the user. */
  folder: string;
  recipe: Recipe;
  stages: RunStage[];
  evaluation?: Metrics["evaluation"];
  /** Relative to the folder; null if there is none. */
  overview: string | null;
  /** Null while training. */
  finished: Date | null;
}

/**
 * Reads a finished or running training: its stages that have been evaluated.
 * @throws InputError if the folder is not a run, or nothing in it has been evaluated
 */
export async function readRun(folder: string): Promise<RunContent> {
  const recipe = await readRunRecipe(folder);
  const metrics = metricsFile(folder);
  const isFinished = existsSync(metrics);
  const { stages, evaluation } = isFinished ? await readMetrics(metrics) : await readUnfinished(folder);
  const overview = "pictures/overview.png";
  return {
    name: basename(resolve(folder)),
    folder,
    recipe,
    stages: await Promise.all(
      stages.map(async (stage) => {
        const place = join(folder, stage.stage);
        // Not the path in metrics.json: it is relative to the directory where the run was started.
        const weights = weightFiles(place).best;
        const rows = parseResults(await readText(resultsFile(place)));
        return { ...stage, rows, ...measured(stage, weights) };
      }),
    ),
    evaluation,
    overview: existsSync(join(folder, overview)) ? overview : null,
    finished: isFinished ? (await stat(metrics)).mtime : null,
  };
}

/** The stages, from their files, while the run is not finished. */
async function readUnfinished(folder: string): Promise<Metrics> {
  const stages: Metrics["stages"] = [];
  for (const stage of STAGES) {
    const place = join(folder, stage);
    const weights = weightFiles(place).best;
    if (!existsSync(weights)) continue;
    const rows = parseResults(await readText(resultsFile(place)));
    const best = bestOf(rows);
    stages.push({
      ...{ stage, val: orNull(best.val), bestEpoch: best.epoch, quantizer: readConfig(weights).quantizer },
      ...{ match: orNull(best.valMatch), matchActive: orNull(best.valMatchActive) },
    });
  }
  if (stages.length === 0) throw new InputError(`${folder}: nothing in this run has been evaluated yet`);
  return { stages };
}

/** The stage's configuration and cost: from the metrics, or measured. */
function measured(
  { config, cost }: Metrics["stages"][number],
  weights: string,
): Pick<RunStage, "config" | "cost"> {
  if (config !== undefined && cost !== undefined) return { config: parseConfig(config), cost };
  const detector = loadDetector(weights);
  try {
    return { config: detector.config, cost: detectorCost(detector) };
  } finally {
    detector.dispose();
  }
}

async function readMetrics(path: string): Promise<Metrics> {
  const text = await readText(path);
  try {
    return metricsSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new InputError(`${path}: not the metrics of a run: ${reasonOf(error)}`);
  }
}

function readText(path: string): Promise<string> {
  return readTextFile(path).catch((error: Error) => {
    throw new InputError(`${path}: cannot be read: ${error.message}`);
  });
}

/** results.csv as rows. */
export function parseResults(text: string): ResultRow[] {
  const [header = "", ...lines] = text.trim().split("\n");
  const columns = header.split(",");
  return lines.map((line) => {
    const cells = line.split(",");
    const values = columns.map((column, i) => [column, cells[i] ? Number(cells[i]) : Number.NaN]);
    return Object.fromEntries(values) as ResultRow;
  });
}
