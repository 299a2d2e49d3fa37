// Sets up a checkout: npm packages, compiled packages, libtorch and OpenBLAS, native addons. Safe to run again:
// finished steps are skipped. Environment: LIBTORCH, LIBTORCH_USE_PYTORCH=1, CXX, QMIMIC_CACHE. System packages are
// installed only as root, or with sudo if --yes or CI=true is given.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

async function main() {
  const start = performance.now();
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    return fail(`Node ${process.versions.node} is too old, expected 20.19 or newer`);
  try {
    if (packagesMatchLock()) console.log("npm        packages match package-lock.json");
    else execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: root, stdio: "inherit" });
    await import("./build.mjs");
  } catch (error) {
    // The failed command has already printed the reason.
    if (error.status === undefined) throw error;
    return fail(error.message);
  }
  const { setUp, SetupError, TORCH_ADDON } = await import("../packages/torch/dist/setup/index.js");
  const { QMIMIC_ADDON } = await import("../packages/qmimic/dist/native/addon.js");
  const consent = { command: "npm run setup", yes: process.argv.includes("--yes") };
  try {
    await setUp([TORCH_ADDON, QMIMIC_ADDON], consent);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return fail(error.message);
  }
  console.log(`ready in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

function fail(message) {
  console.error(`\n${message}`);
  process.exitCode = 1;
}

/** Compares npm's record of installed packages with the lock file; file times mean little after a checkout. */
function packagesMatchLock() {
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  const read = (file) => JSON.parse(readFileSync(file, "utf8")).packages;
  const [have, want] = [read(installed), read(join(root, "package-lock.json"))];
  const same = (name) =>
    have[name]?.version === want[name]?.version && have[name]?.integrity === want[name]?.integrity;
  const needed = Object.keys(want).filter((name) => name.startsWith("node_modules/"));
  // Optional packages may be for other platforms.
  const complete = needed.every((name) => same(name) || (!have[name] && want[name].optional));
  return complete && Object.keys(have).every((name) => !name.startsWith("node_modules/") || name in want);
}

await main();
