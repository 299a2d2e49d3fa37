#!/usr/bin/env node
// Sets up @qmimic/torch: compiler, libtorch, addon. Installing the package never does this.
const { SetupError, setUp, TORCH_ADDON } = await import("../dist/setup/index.js");

const [verb, ...flags] = process.argv.slice(2);
if (verb !== "setup" || flags.some((flag) => flag !== "--yes")) {
  console.error(`usage: qmimic-torch setup [--yes]

Finds libtorch, in the folder LIBTORCH, in python3's torch (LIBTORCH_USE_PYTORCH=1) or in the system, and compiles the addon
that calls it, with CXX, g++, c++ or clang++. The addon is stored in QMIMIC_CACHE, by default in your cache folder.
--yes: if a compiler or libtorch is missing, install it with sudo apt-get`);
  process.exit(1);
}
try {
  await setUp([TORCH_ADDON], { command: "npx qmimic-torch setup", yes: flags.includes("--yes") });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = 1;
}
