// System packages are installed only on request, or as root in a container.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { advice, prefix } from "../../src/setup/systemPackages.js";

it("does not use sudo on a user's machine unless allowed", async () => {
  const user = { yes: false, uid: 1000, ci: "" };
  expect(await prefix(user)).toBeNull();
  expect(await prefix({ ...user, ci: "false" })).toBeNull();
  expect(await prefix({ ...user, uid: 0 })).toEqual([]);
  // If allowed: sudo, provided it needs no password.
  for (const allowed of [{ ci: "true" }, { yes: true }]) {
    expect([null, ["sudo", "-n"]]).toContainEqual(await prefix({ ...user, ...allowed }));
  }
});

it("says what to do instead, with the command that was typed", () => {
  expect(advice(["g++"], { command: "npm run setup" })).toMatch(
    /sudo apt-get install g\+\+\n.*\(npm run setup -- --yes runs/,
  );
  const both = advice(["libtorch-dev"], { command: "npx qmimic setup" });
  expect(both).toMatch(/\(npx qmimic setup --yes runs.*LIBTORCH=.*LIBTORCH_USE_PYTORCH=1/s);
});

it("without a compiler or apt-get, the command says what to install", () => {
  const bin = fileURLToPath(new URL("../../bin/qmimic-torch.mjs", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, "setup"], {
    env: { PATH: "/nonexistent", HOME: "/nonexistent" },
    encoding: "utf8",
  });
  expect(stderr).toMatch(
    /^\nThis needs g\+\+.*; nothing was installed\..*then run npx qmimic-torch setup again:/s,
  );
  expect({ status, stdout }).toEqual({ status: 1, stdout: expect.stringMatching(/^system +FAILED/) });
});
