// @qmimic/torch: libtorch for TypeScript. Tensors and scopes, every operator by name, nn, optimizers, safetensors.
export * from "./dispatcher.js";
export * from "./kernels.js";
export {
  configuration,
  type EngineConfiguration,
  releaseMemory,
  setThreads,
  type TypedArray,
} from "./native.js";
export { BatchNorm2d } from "./nn/batchNorm2d.js";
export { Conv2d, type Conv2dOptions, type Precision, setPrecision } from "./nn/conv2d.js";
export { countMultiplyAdds } from "./nn/cost.js";
export { Identity, Linear, type LinearOptions, MaxPool2d, ReLU, Sequential } from "./nn/layers.js";
export { Layer, Module, type NamedTensor } from "./nn/module.js";
export { withShapes } from "./nn/withShapes.js";
export * from "./ops.js";
export { adamW } from "./optim/adamW.js";
export { clipGradNorm } from "./optim/clipGradNorm.js";
export { muon } from "./optim/muon.js";
export { joinOptimizers, type Optimizer, type ParameterGroup } from "./optim/optimizer.js";
export { learningRate, type ScheduleOptions } from "./optim/schedule.js";
export { sgd } from "./optim/sgd.js";
export { constant, type Random, randomNormal, randomUniform, shapesOnly } from "./random.js";
export * from "./safetensors.js";
export * from "./tensor.js";
