#!/usr/bin/env node
// OpenMP's threads spin for milliseconds at the end of every loop, waiting for one that other programs keep from
// running: with two threads on a busy machine training was 30 times slower. It reads this when libtorch is loaded.
if (!process.env.OMP_WAIT_POLICY) process.env.GOMP_SPINCOUNT ||= "1000";
// OpenBLAS has threads of its own, which go on spinning after a product and take the processor from OpenMP's.
process.env.OPENBLAS_THREAD_TIMEOUT ||= "6";

const { main } = await import("../dist/cli/main.js").catch((error) => {
  console.error(`qmimic: cannot be started: ${error.message}`);
  process.exit(1);
});
await main(process.argv);
