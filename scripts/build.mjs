// Compiles the packages: the runtime's kernels, TypeScript, and the single-file bundle of the runtime. Leaves
// everything that is up to date untouched, so that several builds may run at once. Needs only the npm packages.
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildBundle } from "./lib/bundle.mjs";
import { buildWasm } from "./lib/wasm.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const compile = (...projects) =>
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b", ...projects], {
    cwd: root,
    stdio: "inherit",
  });

// @qmimic/torch contains the code that prints steps, so it has to be compiled first.
compile("packages/torch");
const { step } = await import("../packages/torch/dist/setup/index.js");
await step("wasm", async () => {
  const { compiled, bytes } = await buildWasm(root);
  return { value: null, text: `${bytes} bytes, ${compiled ? "compiled" : "up to date"}` };
});
await step("packages", async () => {
  compile();
  return { value: null, text: "TypeScript compiled" };
});
await step("bundle", async () => {
  const { bytes, gzip } = await buildBundle(root);
  return { value: null, text: `single-file runtime: ${bytes} bytes, ${gzip} gzipped` };
});
