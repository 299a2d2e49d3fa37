// npm run soak: long versions of checks that the tests run for seconds. Takes tens of minutes; exits with 1 if any
// fails.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const SCRIPTS = {
  fuzz: ["--count", "10000"],
  killResume: ["--kills", "40"],
  killAtWrites: ["--kills", "10"],
  fullDisk: [],
  memory: [],
};

for (const [name, args] of Object.entries(SCRIPTS)) {
  console.log(`== ${name}`);
  const file = fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...args], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
