export * from "./anchors.js";
export * from "./boxCoding.js";
export * from "./boxes.js";
export * from "./matcher.js";
export * from "./nms.js";
export * from "./sampler.js";
export * from "./topK.js";
export * from "./voting.js";
