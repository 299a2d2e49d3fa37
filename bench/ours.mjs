// node bench/ours.mjs train-mimic --data FOLDER [--steps 20] [--json FILE]
//
// Runs only our side of a benchmark. run.mjs starts it along with its peers.
// qmimic's command line sets the same variables before libtorch is loaded, see packages/qmimic/bin/qmimic.mjs.
if (!process.env.OMP_WAIT_POLICY) process.env.GOMP_SPINCOUNT ||= "1000";
process.env.OPENBLAS_THREAD_TIMEOUT ||= "6";

await import("./ours/main.mjs");
