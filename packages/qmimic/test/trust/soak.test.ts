// Short, seeded forms of scripts/trust, which `npm run soak` runs for long.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/** Many processes, which wait for each other on a busy machine. */
const PATIENCE_MS = 300_000;

function script(name: string, ...args: string[]): string {
  const file = fileURLToPath(new URL(`../../../../scripts/trust/${name}.mjs`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { encoding: "utf8" });
  expect({ status, stdout, stderr }).toMatchObject({ status: 0, stderr: "" });
  return stdout;
}

it(
  "every reader accepts damaged files that make sense, and refuses all others in words",
  () => {
    const lines = script("fuzz", "--count", "30").trim().split("\n");
    expect(lines).toHaveLength(13);
    for (const line of lines) expect(line).toMatch(/^\w+ +30 files, \d+ accepted, faults: 0$/);
  },
  PATIENCE_MS,
);

it(
  "killed at random moments and resumed, a run ends with the bytes of one left alone",
  () => {
    expect(script("killResume", "--kills", "2", "--seed", "5")).toMatch(
      /^2 kills in \d runs, differences: 0\n$/,
    );
  },
  PATIENCE_MS,
);

it(
  "killed in the middle of a write and resumed, too",
  () => {
    expect(script("killAtWrites", "--kills", "1", "--kind", "state", "--seed", "3")).toMatch(
      /^state +1 kills at \d+ writes, faults: 0\n$/,
    );
  },
  PATIENCE_MS,
);
