// The mimic task of a student: the frozen teacher's maps, the regression layer, and the match ratio.
import type { Conv2d } from "@qmimic/torch";
import { createRandom } from "../data/random.js";
import { InputError } from "../errors.js";
import { chooseUniform, type UniformQuantizer } from "../mimic/calibrate.js";
import { liveMaps } from "../mimic/liveMaps.js";
import { type MatchRatio, NO_MATCH } from "../mimic/match.js";
import { matchRatio } from "../mimic/matchRatio.js";
import { createRegressor, type MimicSettings } from "../mimic/mimic.js";
import { openTeacherMaps, type TeacherMaps } from "../mimic/teacherMaps.js";
import { type Detector, headMismatch, type Quantizer } from "../models/index.js";
import { type Recipe, teacherRecipe } from "./recipe.js";
import { forTeacher, type Split } from "./splits.js";

const MIB = 2 ** 20;

/** The mimic task of a student. */
export interface MimicTask {
  maps: TeacherMaps;
  regressor: Conv2d;
  settings: MimicSettings;
  /** The teacher's heads; its backbone is freed if the maps are stored. */
  teacher: Detector;
  /** The match ratio over the objects of the val split; NaN if the student does not learn the teacher's values. */
  valMatch(): Promise<MatchRatio>;
  /** Frees the regression layer and the teacher, and closes the maps. */
  close(): void;
}

/**
 * Plain mimic uses the teacher's raw features; Quantization Mimic quantizes them.
 * @param teacher ownership passes to the task, which frees its backbone as soon as the maps are stored
 */
export async function createMimicTask(
  recipe: Recipe,
  { student, teacher }: { student: Detector; teacher: Detector },
  { train, val }: { train: Split; val: Split },
  report: { maps(done: number, total: number): void; say(text: string): void },
): Promise<MimicTask> {
  const { side, teacherScale, scales, flip, cache, device, seed } = recipe;
  const { regions, regionForm, mimicRegions, mimicRoiSize: roiSize } = recipe;
  const { mimicLoss: loss, mimicBackground: background } = recipe;
  const finer = teacherScale > 1 && student.decoder.of === "cells";
  const mismatch = finer
    ? "with teacher-scale 2, the teacher's head has other cells than the student's"
    : headMismatch(teacher.config, student.config);
  const heads = recipe.lambdaHead > 0 && mismatch === undefined;
  if (recipe.lambda === 0 && !heads)
    throw new InputError(
      `lambda is 0, and the heads cannot be mimicked, because ${mismatch}: use a lambda above 0`,
    );
  if (recipe.lambdaHead > 0 && !heads)
    report.say(`mimicking only the feature map, not the heads: ${mismatch}`);
  for (const { tensor } of teacher.named()) tensor.requiresGrad = false;
  // Otherwise nothing draws r to the teacher's values.
  const predicts = loss === "squared" && (recipe.lambda > 0 || (heads && recipe.crossHead));
  const quantizer: Quantizer = recipe.method === "mimic" ? { kind: "none" } : teacher.config.quantizer;
  const flips = flip === 0 ? [false] : flip === 1 ? [true] : [false, true];
  const run = (
    split: Split,
    as: Quantizer,
    views: { scales: readonly number[]; flips: readonly boolean[] },
  ) => {
    const { dataset, store } = forTeacher(split);
    const source = { teacher, samples: dataset.samples, store };
    const options = { quantizer: as, side, teacherScale, cache, device, ...views };
    return openTeacherMaps(source, options, report);
  };
  const measured = predicts
    ? await matchQuantizer(teacher, teacherRecipe(recipe), forTeacher(train))
    : undefined;
  const valMaps = measured && (await run(val, measured, { scales: [1], flips: [false] }));
  const { outputStride: stride } = teacher.config;
  const live = recipe.liveTeacher;
  const maps = live ? liveMaps(teacher, quantizer) : await run(train, quantizer, { scales, flips });
  if (!live) {
    report.say(`teacher's maps: ${(maps.bytes / MIB).toFixed(0)} MiB`);
    teacher.backbone.dispose();
  }

  const random = createRandom(`${seed}/weights/regressor`);
  const regressor = createRegressor(student.backbone.outChannels, maps.channels, random).to(device);
  const where = { regions, regionForm, mimicRegions, roiSize, loss, background };
  const predictionQuantizer: Quantizer = recipe.quantizePrediction ? quantizer : { kind: "none" };
  const settings: MimicSettings = { ...where, quantizer, predictionQuantizer, stride, heads, teacherScale };
  const objects = { samples: val.dataset.samples, store: val.store };
  const valMatch = async () =>
    valMaps
      ? matchRatio({ student, regressor, maps: valMaps, quantizerStride: measured.stride, device }, objects)
      : NO_MATCH;
  const close = () => {
    regressor.dispose();
    teacher.dispose();
    maps.close();
    valMaps?.close();
  };
  return { maps, regressor, settings, teacher, valMatch, close };
}

/** The uniform dictionary for counting matches: the teacher's, or the one that would be chosen for it. */
async function matchQuantizer(teacher: Detector, recipe: Recipe, train: Split): Promise<UniformQuantizer> {
  const { quantizer } = teacher.config;
  return quantizer.kind === "uniform" ? quantizer : chooseUniform(teacher, recipe, train, () => {});
}
