// The program of examples/, as it stands, small.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { temporaryFolder } from "../data/temporary.js";

const program = fileURLToPath(new URL("../../../../examples/train.mjs", import.meta.url));

it("train.mjs: trainer and runtime find the same number of boxes", async () => {
  const folder = await temporaryFolder();
  const flags = ["--folder", folder, "--pictures", "14", "--epochs", "2", "--side", "128"];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...flags]);
  const counts = [...stdout.matchAll(/^test-\d+\.jpg: (\d+) boxes/gm)].map(([, count]) => Number(count));
  expect(counts).toHaveLength(2);
  expect(counts[0]).toBeGreaterThan(0);
  expect(counts[1]).toBe(counts[0]);
});
