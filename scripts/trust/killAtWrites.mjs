// Kills training runs (SIGKILL) in the middle of each kind of write, and resumes them: each ends with the same bytes as
// an undisturbed run.
//   node scripts/trust/killAtWrites.mjs [--kills 10] [--seed 1] [--kind NAME]
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { below, seeded } from "./mutate.mjs";
import { differences, prepare, run, start } from "./runs.mjs";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    kind: { type: "string" },
  },
});

/** Patterns of the paths that a run writes to; the first match counts. */
const KINDS = {
  weights: "/weights/(best|last)\\.safetensors",
  state: "/weights/state\\.safetensors",
  results: "/results\\.csv",
  metrics: "/metrics\\.json",
  report: "/report\\.html",
  pictures: "/pictures/",
  maps: "/teacher-maps-",
  images: "/images-",
  folder: "(recipe\\.yaml|data\\.json|/run-[\\w-]+)$",
};

const hook = new URL("./killHook.mjs", import.meta.url).href;
const hooked = (settings) => ({
  ...process.env,
  NODE_OPTIONS: `--import ${hook}`,
  KILL_AT_WRITE: JSON.stringify({ kinds: KINDS, ...settings }),
});

const random = seeded(Number(values.seed));
const { root, flags: plain } = await prepare();
const flags = (name) => [...plain(name), "--disk-cache", "true"];
await run(...flags("twin"));
const counts = join(root, "counts.json");
await start(flags("run-counted"), [], hooked({ count: counts })).ended;
const seen = JSON.parse(readFileSync(counts, "utf8"));

const faults = [];
const kinds = values.kind === undefined ? Object.keys(KINDS) : [values.kind];
for (const kind of kinds) {
  if (!(seen[kind] > 0)) faults.push(`${kind}: a run does not write this`);
  let kills = 0;
  const before = faults.length;
  for (let i = 0; i < Number(values.kills) && seen[kind] > 0; i++) {
    const name = `run-${kind}-${i}`;
    const folder = join(root, name);
    const wanted = { kind, at: 1 + below(random, seen[kind]), part: random() };
    const { code, signal, stderr } = await start(flags(name), [], hooked(wanted)).ended;
    if (signal === "SIGKILL") kills++;
    else faults.push(`${kind} ${wanted.at}: ended by ${signal ?? code} ${stderr}`);
    const end = await start(existsSync(folder) ? ["train", "--resume", folder] : flags(name)).ended;
    if (end.code !== 0)
      faults.push(`${kind} ${wanted.at}: resumed, ended by ${end.signal ?? end.code} ${end.stderr}`);
    else
      faults.push(...differences(folder, join(root, "twin")).map((file) => `${kind} ${wanted.at}: ${file}`));
    for (const place of [folder, join(root, `cache-${name}`)])
      rmSync(place, { recursive: true, force: true });
  }
  console.log(`${kind.padEnd(9)} ${kills} kills at ${seen[kind]} writes, faults: ${faults.length - before}`);
}
for (const fault of faults) console.log(`  ${fault}`);
rmSync(root, { recursive: true, force: true });
if (faults.length > 0) process.exitCode = 1;
