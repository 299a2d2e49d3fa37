#!/usr/bin/env node
// Sets @qmimic/torch up: compiler, libtorch, addon. Never done by installing the package.
const { SetupError, setUp, TORCH_ADDON } = await import("../dist/setup/index.js");

const [verb, ...flags] = process.argv.slice(2);
if (verb !== "setup" || flags.some((flag) => flag !== "--yes")) {
  console.error(`usage: qmimic-torch setup [--yes]

Finds libtorch, in the folder LIBTORCH, in python3's torch (LIBTORCH_USE_PYTORCH=1) or in the system, and compiles the addon
that calls it, with CXX, g++, c++ or clang++. What is done is kept in QMIMIC_CACHE, or where the system has its caches.
--yes: where a compiler or libtorch is missing, install it with sudo apt-get`);
  process.exit(1);
}
try {
  await setUp([TORCH_ADDON], { command: "npx qmimic-torch setup", yes: flags.includes("--yes") });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = 1;
}
