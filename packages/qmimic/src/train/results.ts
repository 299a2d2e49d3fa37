// Per-epoch results of a training run: the table results.csv, and the rows stored in its state for resuming.
import type { Tensor } from "@qmimic/torch";
import { z } from "zod";
import { InputError, reasonOf } from "../errors.js";
import type { LossSums } from "./step.js";
import { fillTensors, readWeights } from "./weights.js";

/** Means over the epoch; NaN if not evaluated. */
export interface EpochRow extends Omit<LossSums, "counts"> {
  epoch: number;
  lr: number;
  imagesPerSecond: number;
  /** Match ratio over the epoch's regions, @see MatchRatio */
  match: number;
  matchActive: number;
  /** Mimic against detection gradients at the last feature map, @see GradientBalance */
  gradientRatio: number;
  gradientCosine: number;
  /** mAP at IoU 0.5 on the val split. */
  val: number;
  /** Match ratio over the objects in the val split. */
  valMatch: number;
  valMatchActive: number;
}

/** The columns of results.csv before and after the detector's losses, each of which has a column of its name. */
const BEFORE = ["epoch", "lr"] as const;
const AFTER = [
  "mimic",
  "head",
  "match",
  "matchActive",
  "gradientRatio",
  "gradientCosine",
  "imagesPerSecond",
  "val",
  "valMatch",
  "valMatchActive",
] as const;

/** Values that may be NaN, which is null in JSON. */
const PERHAPS = [
  "match",
  "matchActive",
  "gradientRatio",
  "gradientCosine",
  "val",
  "valMatch",
  "valMatchActive",
] as const;

/** The columns of results.csv that are not losses of the detector. */
export const COMMON_COLUMNS: readonly string[] = [...BEFORE, ...AFTER];

/** The row of the best weights: the first with the highest val. */
export const bestOf = <R extends { val: number }>(rows: readonly R[]): R =>
  rows.reduce((top, row) => (row.val > top.val || Number.isNaN(top.val) ? row : top));

/** Loads a run's state into the tensors. Returns the rows of its completed epochs. */
export function restore(path: string, tensors: [string, Tensor][]): EpochRow[] {
  const { metadata, tensors: stored } = readWeights(path);
  fillTensors(tensors, stored, path);
  return parseRows(path, metadata);
}

/** The rows in a run's state. */
export const storedRows = (path: string): EpochRow[] => parseRows(path, readWeights(path).metadata);

/** Also accepts rows of older versions. NaN is stored as null. */
const ROWS = z.array(z.looseObject({ epoch: z.number() }));

function parseRows(path: string, metadata: Record<string, string>): EpochRow[] {
  let rows: EpochRow[];
  try {
    rows = ROWS.parse(JSON.parse(metadata.rows ?? "[]")) as unknown as EpochRow[];
  } catch (error) {
    throw new InputError(`${path}: its rows of results cannot be read: ${reasonOf(error)}`);
  }
  if (rows.some(({ detection }) => detection === undefined)) {
    throw new InputError(
      `${path}: the run was started with an older version and cannot be resumed; start a new run`,
    );
  }
  for (const row of rows) for (const key of PERHAPS) row[key] ??= Number.NaN;
  return rows;
}

export function toCsv(rows: readonly EpochRow[]): string {
  const losses = Object.keys(rows[0]?.detection ?? {});
  const cell = (value: number) => (Number.isNaN(value) ? "" : String(Number(value.toPrecision(6))));
  const line = (row: EpochRow) => [
    ...BEFORE.map((column) => row[column]),
    ...losses.map((name) => row.detection[name]),
    ...AFTER.map((column) => row[column]),
  ];
  const lines = rows.map((row) => line(row).map(cell).join(","));
  return `${[[...BEFORE, ...losses, ...AFTER].join(","), ...lines].join("\n")}\n`;
}
