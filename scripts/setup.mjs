// Makes a checkout ready: libtorch and OpenBLAS, npm packages, the native addon, the runtime's kernels, the compiled packages.
// Safe to run twice; what is done is skipped. Settings: LIBTORCH, LIBTORCH_USE_PYTORCH=1, CXX. System packages are installed
// as root alone, or with --yes or CI=true through sudo.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAddon } from "./lib/addon.mjs";
import { buildBundle } from "./lib/bundle.mjs";
import { exec, Failure, step } from "./lib/exec.mjs";
import { blas, compiler, libtorch } from "./lib/libtorch.mjs";
import { buildWasm } from "./lib/wasm.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const start = performance.now();

async function main() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw new Failure(`Node ${process.versions.node} is too old: 20.19 or newer is needed`);

  const cxx = await step("compiler", async (note) => {
    const value = await compiler(note);
    return { value, text: value.version };
  });
  const torch = await step("libtorch", async (note) => {
    const value = await libtorch(note);
    return { value, text: `${value.version} in ${value.lib} (${value.source})` };
  });
  await step("blas", async (note) => {
    const { name, fast } = await blas(torch, note);
    if (!fast)
      note(`WARNING: ${name} is slow, linear layers run some 20 times slower than with OpenBLAS.
           Install libopenblas0-pthread, or choose it: update-alternatives --config libblas.so.3-$(gcc -print-multiarch)`);
    return { text: name };
  });
  await step("npm", async () => {
    if (packagesMatchLock()) return { text: "packages match the lock file" };
    await exec("npm", ["ci", "--no-audit", "--no-fund"], { cwd: root });
    return { text: "packages installed" };
  });
  await step("addon", async () => {
    const { compiled, objects, linked } = await buildAddon(root, torch, cxx);
    return { text: linked ? `compiled ${compiled} of ${objects} files, linked` : "up to date" };
  });
  await step("wasm", async () => {
    const { compiled, bytes } = await buildWasm(root);
    return { text: `${bytes} bytes, ${compiled ? "compiled" : "up to date"}` };
  });
  await step("packages", async () => {
    await exec(join(root, "node_modules/.bin/tsc"), ["-b"], { cwd: root });
    return { text: "TypeScript compiled" };
  });
  await step("bundle", async () => {
    const { bytes, gzip } = await buildBundle(root);
    return { text: `the runtime in one file: ${bytes} bytes, ${gzip} gzipped` };
  });
  console.log(`ready in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** npm notes what it installed; compare that with the lock, since times of files say little after a checkout. */
function packagesMatchLock() {
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  const read = (file) => JSON.parse(readFileSync(file, "utf8")).packages;
  const [have, want] = [read(installed), read(join(root, "package-lock.json"))];
  const same = (name) =>
    have[name]?.version === want[name]?.version && have[name]?.integrity === want[name]?.integrity;
  const needed = Object.keys(want).filter((name) => name.startsWith("node_modules/"));
  // Optional packages are those of other systems.
  const complete = needed.every((name) => same(name) || (!have[name] && want[name].optional));
  return complete && Object.keys(have).every((name) => !name.startsWith("node_modules/") || name in want);
}

main().catch((error) => {
  console.error(`\n${error instanceof Failure ? error.message : error.stack}`);
  process.exitCode = 1;
});
