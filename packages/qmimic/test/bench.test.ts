// Our side of every bench runs, and says how fast; how fast that is, is no test's affair.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, it } from "vitest";
import { generateDemo } from "../src/data/demo.js";
import { temporaryFolder } from "./data/temporary.js";

const run = promisify(execFile);
const ours = fileURLToPath(new URL("../../../bench/ours.mjs", import.meta.url));
const root = await temporaryFolder();
const data = join(root, "data");

beforeAll(() => generateDemo(data, { train: 4, val: 2, test: 1, side: 96 }), 60_000);

it.each(["train-scratch", "train-mimic", "teacher-forward", "evaluate-voc", "data-loading"])(
  "%s",
  async (name) => {
    const json = join(root, `${name}.json`);
    const small = ["--side", "96", "--batch", "2", "--teacher", "vgg-1-32", "--warmup", "0", "--steps", "2"];
    const args = [ours, name, "--data", data, ...small, "--json", json];
    const { stdout, stderr } = await run(process.execPath, args);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^[\d.]+ img\/s \(median of 2 steps\)$/m);
    const result = JSON.parse(await readFile(json, "utf8"));
    expect(result.imagesPerSecond).toHaveLength(2);
    expect(result.peakRssBytes).toBeGreaterThan(0);
  },
);
