// Kills training runs (SIGKILL) at random moments and resumes them: each ends with the same bytes as an undisturbed
// run.
//   node scripts/trust/killResume.mjs [--kills 30] [--seed 1]
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seeded } from "./mutate.mjs";
import { differences, prepare, run, start } from "./runs.mjs";

const { values } = parseArgs({
  options: { kills: { type: "string", default: "30" }, seed: { type: "string", default: "1" } },
});
/** After this many kills, a run may finish. */
const MAX_KILLS = 6;

const random = seeded(Number(values.seed));
const { root, flags } = await prepare();
const begun = performance.now();
await run(...flags("twin"));
const whole = performance.now() - begun;

let kills = 0;
let runs = 0;
const faults = [];
while (kills < Number(values.kills)) {
  const name = `run-${++runs}`;
  const folder = join(root, name);
  let killsOfRun = 0;
  for (let ended = false; !ended; ) {
    const { child, ended: end } = start(existsSync(folder) ? ["train", "--resume", folder] : flags(name));
    const wanted = killsOfRun < MAX_KILLS && kills < Number(values.kills);
    const timer = wanted ? setTimeout(() => child.kill("SIGKILL"), random() * whole) : undefined;
    const { code, signal, stderr } = await end;
    clearTimeout(timer);
    if (signal === "SIGKILL") {
      kills++;
      killsOfRun++;
      continue;
    }
    ended = true;
    if (code !== 0) faults.push(`${name}: ${signal ?? code} ${stderr}`);
  }
  faults.push(...differences(folder, join(root, "twin")).map((file) => `${name}: ${file}`));
  // Runs that finish before their kill do not count; give up if that happens too often.
  if (killsOfRun === 0 && runs > 2 * Number(values.kills)) break;
}
console.log(`${kills} kills in ${runs} runs, differences: ${faults.length}`);
for (const fault of faults) console.log(`  ${fault}`);
rmSync(root, { recursive: true, force: true });
if (faults.length > 0) process.exitCode = 1;
