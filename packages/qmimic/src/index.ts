// qmimic as a library: the steps of `qmimic train`, `val` and `predict`, one by one.
//
//   const recipe = parseRecipe({ data: "faces", merge: "face", student: "vgg-1-32" }, "my program");
//   const splits = await prepareRun(recipe);
//   const folder = await createRunFolder(recipe, splits);
//   const lock = lockRunFolder(folder);
//   const stages = await runStages(recipe, folder, report, splits);
//   lock.release();
//   const detector = loadDetector(stages.at(-1)!.weights);
//   const [found] = detectImages(detector, [await decodeImage("photo.jpg")]);
//
// examples/train.mjs in the repository is a complete program. Boxes are xyxy in pixels, labels count from 1 (0 is background). Invalid
// input throws InputError, whose message is meant for users.

// Models
export type { Decoder, Detections, Size } from "@qmimic/runtime";
// Data
export { type CheckOptions, checkDataset, type DatasetReport, type SplitReport } from "./data/check.js";
export { formatReport } from "./data/checkReport.js";
export { type Conversion, type ConvertOptions, convertDataset, type Target } from "./data/convert/convert.js";
export {
  type DataFolder,
  notesOf,
  openData,
  type ReadOptions,
  readDataset,
  readSplit,
} from "./data/dataset.js";
export { type DemoOptions, type DemoSummary, generateDemo } from "./data/demo.js";
export { createImageStore, type ImageStore, type ImageStoreOptions } from "./data/imageStore.js";
export { type DecodeOptions, decodeImage, type RawImage } from "./data/images.js";
export type { Format } from "./data/readers/types.js";
export { readTrainVal, type TrainVal, type TrainValOptions } from "./data/trainVal.js";
export type { Dataset, Problem, Sample } from "./data/types.js";
export { readVoc } from "./data/voc.js";
export { type SplitOptions, type WrittenSplits, writeSplits } from "./data/writeSplits.js";
export { InputError } from "./errors.js";
// Evaluation
export {
  type ApComparisons,
  type ApIntervals,
  bootstrapIntervals,
  comparePaired,
  type Interval,
} from "./eval/bootstrap.js";
export { type CocoMatches, type CocoResult, evaluateCoco, matchCoco } from "./eval/coco.js";
export {
  type DetectImages,
  detectImages,
  detectSamples,
  detectWith,
  type SampleDetections,
  scoreDetections,
} from "./eval/detect.js";
export {
  bestThresholds,
  type ClassEvaluation,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
} from "./eval/evaluation.js";
export type { BestF1 } from "./eval/precisionRecall.js";
export type { ImageDetections, ImageGroundTruth } from "./eval/types.js";
export {
  evaluateVoc,
  evaluateVocRange,
  type VocClassResult,
  type VocOptions,
  type VocRangeResult,
  type VocResult,
} from "./eval/voc.js";
export { evaluateWider, type WiderImage, type WiderResult, type WiderSetting } from "./eval/wider.js";
// Export
export { type CFiles, type COptions, cFiles } from "./export/c/cFiles.js";
export { modelFile as exportModel, type WeightFormat } from "./export/modelFile.js";
export { onnxFile as exportOnnx } from "./export/onnx/onnxFile.js";
// Mimic
export { chooseQuantizer } from "./mimic/calibrate.js";
export { type MimicResult, type MimicSettings, type MimicStep, mimicLoss } from "./mimic/mimic.js";
export { cellWeights, type MapShape, type RegionSource } from "./mimic/regions.js";
export { type MapSource, openTeacherMaps, type TeacherMaps } from "./mimic/teacherMaps.js";
export {
  applyQuantizer,
  createDetector,
  DETECTORS,
  type Detector,
  type DetectorConfig,
  type DetectorKind,
  type EqualCost,
  type HeadOutputs,
  multiplyAdds,
  parseConfig,
  type Quantizer,
  quantizerSchema,
  type TrainingBatch,
  type TrainingPass,
  widthOfCost,
} from "./models/index.js";

// Pruning
export { PRUNING_METHODS, type PruningMethod, type PruningOptions, pruneDetector } from "./prune/prune.js";

// Reports
export { contactSheet, type DrawOptions, drawDetections } from "./report/pictures.js";
export { writeRunPictures } from "./report/runPictures.js";
export { type DetectorCost, detectorCost, summarize } from "./report/summary.js";

// Training
export { estimateTimes, type StageTime } from "./train/estimate.js";
export { detectorConfig } from "./train/networks.js";
export { type PlannedStage, plannedStages, type StageName } from "./train/plan.js";
export { prepareRun } from "./train/prepare.js";
export { type QuickSettings, quickSettings } from "./train/quick.js";
export { formatRecipe, parseRecipe, type Recipe } from "./train/recipe.js";
export { compareData } from "./train/runData.js";
export { createRunFolder, lockRunFolder, openRunFolder } from "./train/runFolder.js";
export { compareWeightsUsed } from "./train/runWeights.js";
export { SETTINGS } from "./train/schema.js";
export { openSplits, type Split, type Splits } from "./train/splits.js";
export {
  runStages,
  type StageReport,
  type StageResult,
} from "./train/stages.js";
export { adoptNetworks } from "./train/start.js";
export { type TrainingReport, trainDetector } from "./train/trainer.js";
export { loadDetector, readThresholds, saveDetector, storeThresholds } from "./train/weights.js";
