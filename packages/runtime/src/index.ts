// Box geometry, decoding of what networks say, and (detector.ts) the detector that runs a model file.
export * from "./decode/cells.js";
export * from "./decode/decoder.js";
export * from "./decode/keepBest.js";
export * from "./decode/proposals.js";
export * from "./decode/regions.js";
export * from "./geometry/anchors.js";
export * from "./geometry/boxCoding.js";
export * from "./geometry/boxes.js";
export * from "./geometry/matcher.js";
export * from "./geometry/nms.js";
export * from "./geometry/points.js";
export * from "./geometry/sampler.js";
export * from "./geometry/topK.js";
export * from "./geometry/voting.js";
