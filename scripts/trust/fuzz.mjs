// Damages files with seeded mutations and reads them: no reader may crash, hang, use 2 GB, or throw an unexpected
// error.
//   node scripts/trust/fuzz.mjs [--reader NAME] [--count 2000] [--seed 1]
// A child process reads; if it crashes or hangs, the parent records a fault and continues after that file.
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { seeded } from "./mutate.mjs";
import { READERS } from "./readers.mjs";

const SILENCE_MS = 30_000;
const MAX_BYTES = 2e9;

const { values } = parseArgs({
  options: {
    reader: { type: "string" },
    count: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    from: { type: "string" },
  },
});
const [count, seed] = [Number(values.count), Number(values.seed)];

/** Reads file after file, and reports each to the parent. */
async function child() {
  const folder = mkdtempSync(join(tmpdir(), "qmimic-fuzz-"));
  try {
    const read = await READERS[values.reader](folder);
    for (let i = Number(values.from); i < count; i++) {
      process.send({ at: i });
      let fault;
      const accepted = await read(seeded(seed * 1_000_003 + i)).catch((error) => {
        fault = `${error.name}: ${error.message}`.slice(0, 300);
      });
      if (process.memoryUsage.rss() > MAX_BYTES) fault ??= "used more than 2 GB";
      process.send({ done: i, accepted, fault });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.disconnect();
}

/** Fuzzes one reader. @returns the number of faults */
async function fuzz(reader) {
  const faults = [];
  const seen = { read: 0, accepted: 0 };
  for (let from = 0; from < count; ) {
    let at = from;
    const args = ["--reader", reader, "--count", values.count, "--seed", values.seed, "--from", String(from)];
    const reading = fork(fileURLToPath(import.meta.url), args, { silent: true });
    const errors = [];
    reading.stderr.on("data", (data) => errors.push(data));
    const silent = () => reading.kill("SIGKILL");
    let timer = setTimeout(silent, SILENCE_MS);
    reading.on("message", ({ at: next, done, accepted, fault }) => {
      clearTimeout(timer);
      timer = setTimeout(silent, SILENCE_MS);
      at = next ?? at;
      if (done === undefined) return;
      seen.read++;
      if (accepted) seen.accepted++;
      if (fault !== undefined) faults.push(`file ${done}: ${fault}`);
    });
    const [code, signal] = await new Promise((ended) => reading.on("exit", (...how) => ended(how)));
    clearTimeout(timer);
    if (code === 0) break;
    const how = signal === "SIGKILL" ? `no answer for ${SILENCE_MS / 1000} s` : `ended by ${signal ?? code}`;
    faults.push(`file ${at}: ${how} ${Buffer.concat(errors).toString().slice(-300)}`);
    from = at + 1;
  }
  console.log(`${reader.padEnd(12)} ${seen.read} files, ${seen.accepted} accepted, faults: ${faults.length}`);
  for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`);
  return faults.length;
}

if (values.from !== undefined) await child();
else {
  const readers = values.reader === undefined ? Object.keys(READERS) : [values.reader];
  let faults = 0;
  for (const reader of readers) faults += await fuzz(reader);
  if (faults > 0) process.exitCode = 1;
}
