// @qmimic/torch/setup: sets up libtorch, and finds built addons. Works without libtorch.
export { type Build, buildAddon } from "./build.js";
export { type BuiltAddon, cacheFolder } from "./cache.js";
export { type Compiler, findCompiler } from "./compiler.js";
export { exec, SetupError, step } from "./exec.js";
export { IsaError } from "./isaError.js";
export { findLibtorch, type Libtorch } from "./libtorch.js";
export { AddonError, findAddon, loadAddon, nameSetUp } from "./loadAddon.js";
export { setUp } from "./setUp.js";
export type { AddonSources } from "./sources.js";
export { advice, type Consent, prefix } from "./systemPackages.js";
export { TORCH_ADDON } from "./torchAddon.js";
