// Makes a checkout ready: npm packages, the compiled packages, libtorch and OpenBLAS, the native addons. Safe to run twice; what
// is done is skipped. Settings: LIBTORCH, LIBTORCH_USE_PYTORCH=1, CXX, QMIMIC_CACHE. System packages are installed as root
// alone, or with --yes or CI=true through sudo.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

async function main() {
  const start = performance.now();
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    return fail(`Node ${process.versions.node} is too old: 20.19 or newer is needed`);
  try {
    if (packagesMatchLock()) console.log("npm        packages match the lock file");
    else execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: root, stdio: "inherit" });
    await import("./build.mjs");
  } catch (error) {
    // The command that failed has said why.
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

await main();
