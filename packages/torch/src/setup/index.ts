// @qmimic/torch/setup: what makes libtorch usable, and finds what was built. Works without libtorch.
export { buildAddon, type Build } from "./build.js";
export { type BuiltAddon, cacheFolder } from "./cache.js";
export { type Compiler, findCompiler } from "./compiler.js";
export { SetupError, exec, step } from "./exec.js";
export { findLibtorch, type Libtorch } from "./libtorch.js";
export { AddonError, findAddon, loadAddon } from "./loadAddon.js";
export { setUp } from "./setUp.js";
export type { AddonSources } from "./sources.js";
export { advice, type Consent, prefix } from "./systemPackages.js";
export { TORCH_ADDON } from "./torchAddon.js";
