// The public interface of this folder: other folders import only from here (checked by a test).
export type { Backbone } from "./backbones/types.js";
export { centersBetween, iouLoss } from "./cells.js";
export {
  type ChannelGroup,
  type Channels,
  type ChannelUse,
  readChannels,
  type WeightedLayer,
} from "./channels.js";
export {
  type BackboneName,
  CONVOLUTIONS,
  type Convolution,
  type DetectorConfig,
  NECKS,
  type Neck,
  parseBackbone,
  type Quantizer,
  quantizerSchema,
} from "./config.js";
export { type EqualCost, multiplyAdds, widthOfCost } from "./cost.js";
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
export {
  atLeast0,
  auto,
  className,
  count,
  flag,
  fraction,
  inputSide,
  kebab,
  MAX_CLASSES,
  MAX_REGIONS,
  MAX_ROI_CELLS,
  MAX_SIDE,
  MAX_THREADS,
  MAX_WIDTH,
  MIN_SIDE,
  positive,
  real,
  whole,
  wholeUpTo,
} from "./settings.js";
export { concatFloats, type Target } from "./targets.js";
export { layerSettings, layersOf, type Transferred, transferWeights } from "./transfer.js";
export { BETA } from "./twoStage/regionLosses.js";
