// Fills the disk at many points of a run: the error names the file and how to resume, and once there is space, the
// resumed run ends with the same bytes as an undisturbed one. Needs root, to mount a separate file system in memory.
//   node scripts/trust/fullDisk.mjs [--sizes 16,64,300,...] (KiB)
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { differences, prepare, run, start } from "./runs.mjs";

const { values } = parseArgs({
  options: { sizes: { type: "string", default: "16,64,150,300,500,700,900,1100,1300,1500,1800,2200" } },
});
if (process.getuid?.() !== 0) {
  console.log("full disk    skipped: needs root");
  process.exit(0);
}
const { root, flags } = await prepare();
await run(...flags("twin"));
const place = join(root, "small");
mkdirSync(place);
const mount = (...args) => execFileSync("mount", args);
const faults = [];
for (const size of values.sizes.split(",")) {
  mount("-t", "tmpfs", "-o", `size=${size}k`, "tmpfs", place);
  try {
    const folder = join(place, "run");
    const { code, stderr } = await start(flags("run", place)).ended;
    if (code !== 0 && (!/ENOSPC/.test(stderr) || /^\s+at /m.test(stderr)))
      faults.push(`${size} KiB: ${stderr}`);
    mount("-o", "remount,size=64m", place);
    await run(...(existsSync(folder) ? ["train", "--resume", folder] : flags("run", place)));
    faults.push(...differences(folder, join(root, "twin")).map((file) => `${size} KiB: ${file}`));
  } finally {
    execFileSync("umount", [place]);
  }
}
console.log(`full disk    sizes ${values.sizes} KiB, faults: ${faults.length}`);
for (const fault of faults) console.log(`  ${fault}`);
rmSync(root, { recursive: true, force: true });
if (faults.length > 0) process.exitCode = 1;
