// Runs that share a cache folder or a run folder, and a cache that is damaged while a run reads it.
import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { generateDemo } from "../../src/data/demo.js";
import { inContainer } from "../data/processes.js";
import { temporaryFolder } from "../data/temporary.js";
import { type Outcome, qmimic, type RunOptions } from "./qmimic.js";

const root = await temporaryFolder();
const data = join(root, "data");
const SETTINGS = [
  ...[
    "--data",
    data,
    "--runs",
    root,
    "--side",
    "96",
    "--output-stride",
    "8",
    "--batch",
    "4",
    "--threads",
    "1",
  ],
  ...[
    "--method",
    "mimic",
    "--stage",
    "student",
    "--student",
    "vgg-1-64",
    "--epochs",
    "3",
    "--scales",
    "1,0.8",
  ],
  ...["--teacher", join(root, "teacher", "teacher", "weights", "best.safetensors")],
];
/** A student with the teacher that all share. */
const train = (name: string, cache: string, options: RunOptions = {}): Promise<Outcome> =>
  qmimic(["train", ...SETTINGS, "--name", name, "--cache", join(root, cache)], options);
const resume = (name: string) => qmimic(["train", "--resume", join(root, name)]);
const fileOf = (name: string, file: string) => join(root, name, "student", "weights", file);
const weightsOf = (name: string) => readFileSync(fileOf(name, "last.safetensors"));

/** A run that is stopped, as by Ctrl-Z, after its first epoch. */
async function stoppedRun(
  name: string,
  cache: string,
): Promise<{ child: ChildProcess; ended: Promise<Outcome> }> {
  let child: ChildProcess | null = null;
  const ended = train(name, cache, {
    started: (one) => {
      child = one;
    },
  });
  while (!existsSync(fileOf(name, "state.safetensors"))) await sleep(2);
  child!.kill("SIGSTOP");
  return { child: child!, ended };
}

beforeAll(async () => {
  await generateDemo(data, { train: 12, val: 4, test: 2, side: 96 });
  const teacher = [
    "--method",
    "mimic",
    "--stage",
    "teacher",
    "--teacher",
    "vgg-1-32",
    "--teacher-epochs",
    "1",
  ];
  const settings = SETTINGS.slice(0, SETTINGS.indexOf("--method"));
  expect(await qmimic(["train", ...settings, ...teacher, "--name", "teacher"])).toMatchObject({ code: 0 });
  expect(await train("alone", "cache-alone")).toMatchObject({ code: 0, stderr: "" });
}, 120_000);

it("--resume of a run that is stopped but not dead is refused; the run then ends as it would have", async () => {
  const { child, ended } = await stoppedRun("live", "cache-alone");
  const second = await resume("live");
  child.kill("SIGCONT");
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(
    /^qmimic: .*live: another process is training in this run folder\. Wait for it to/,
  );
  expect(await ended).toMatchObject({ code: 0, stderr: "" });
  expect(weightsOf("live").equals(weightsOf("alone"))).toBe(true);
  expect(await resume("live")).toMatchObject({ code: 0, stderr: "" });
});

it("maps that change while a run reads them end it with an error, and its remedy helps", async () => {
  const { child, ended } = await stoppedRun("damaged", "cache-damaged");
  const folder = join(root, "cache-damaged");
  const files = readdirSync(folder).filter((name) => /^teacher-maps.*bin$/.test(name));
  for (const name of files) {
    const path = join(folder, name);
    const bytes = readFileSync(path);
    for (let at = 100; at < bytes.length; at += 100) bytes[at] ^= 1;
    writeFileSync(path, bytes);
  }
  child.kill("SIGCONT");
  const { code, stderr } = await ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^qmimic: .*teacher-maps-\w+\.bin: the file is damaged: .*Remove the file and use --resume.*\n$/,
  );
  for (const name of files) rmSync(join(folder, name));
  expect(await resume("damaged")).toMatchObject({ code: 0, stderr: "" });
  expect(weightsOf("damaged").equals(weightsOf("alone"))).toBe(true);
});

it.skipIf(inContainer === null)(
  "two containers that share a cache end with the same bytes as one alone",
  async () => {
    const names = ["one", "two"];
    const within = { within: inContainer! };
    const ends = await Promise.all(names.map((name) => train(name, "cache-shared", within)));
    for (const end of ends) expect(end).toMatchObject({ code: 0, stderr: "" });
    for (const name of names) expect(weightsOf(name).equals(weightsOf("alone"))).toBe(true);
  },
);
