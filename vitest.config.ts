import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Tests run against the TypeScript sources; only tests of the command line start the built files.
const source = (file: string) => fileURLToPath(new URL(`./packages/${file}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@qmimic\/torch$/, replacement: source("torch/src/index.ts") },
      { find: /^@qmimic\/torch\/setup$/, replacement: source("torch/src/setup/index.ts") },
      { find: /^@qmimic\/runtime$/, replacement: source("runtime/src/index.ts") },
    ],
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts"],
    // Native code and fork-safety: one process a file, two at most (each test file uses libtorch's threads).
    pool: "forks",
    maxWorkers: 2,
    // Two processes with two threads each wait for one another; tests of several threads set their number themselves.
    env: { OMP_NUM_THREADS: "1" },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
