// The door of this folder: other folders import from here alone (a test checks it).
export type { Backbone } from "./backbones/types.js";
export { iouLoss } from "./cells.js";
export {
  type BackboneName,
  type DetectorConfig,
  NECKS,
  type Neck,
  parseBackbone,
  type Quantizer,
  quantizerSchema,
} from "./config.js";
export type {
  Detector,
  DetectorKind,
  HeadOutputs,
  NetworkFacts,
  TrainingBatch,
  TrainingPass,
} from "./detector.js";
export {
  configureDetector,
  createDetector,
  DETECTORS,
  headMismatch,
  KINDS,
  kindOf,
  parseConfig,
} from "./kinds.js";
export { applyQuantizer } from "./quantizer.js";
export { atLeast0, auto, count, flag, fraction, kebab, positive, real, whole } from "./settings.js";
export { concatFloats, type Target } from "./targets.js";
