// System packages are installed only where that is asked for, or as root in a container.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { advice, prefix } from "../../src/setup/systemPackages.js";

it("asks sudo for nothing on a person's machine", async () => {
  const person = { yes: false, uid: 1000, ci: "" };
  expect(await prefix(person)).toBeNull();
  expect(await prefix({ ...person, ci: "false" })).toBeNull();
  expect(await prefix({ ...person, uid: 0 })).toEqual([]);
  // With leave to: sudo, where it asks for no password.
  for (const leave of [{ ci: "true" }, { yes: true }]) {
    expect([null, ["sudo", "-n"]]).toContainEqual(await prefix({ ...person, ...leave }));
  }
});

it("says what to do instead, with the command that was typed", () => {
  expect(advice(["g++"], { command: "npm run setup" })).toMatch(
    /sudo apt-get install g\+\+\n.*\(npm run setup -- --yes runs/,
  );
  const both = advice(["libtorch-dev"], { command: "npx qmimic setup" });
  expect(both).toMatch(/\(npx qmimic setup --yes runs.*LIBTORCH=.*LIBTORCH_USE_PYTORCH=1/s);
});

it("a machine without a compiler or apt-get: the command ends with what to install", () => {
  const bin = fileURLToPath(new URL("../../bin/qmimic-torch.mjs", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, "setup"], {
    env: { PATH: "/nonexistent", HOME: "/nonexistent" },
    encoding: "utf8",
  });
  expect(stderr).toMatch(
    /^\nThis needs g\+\+.*, and nothing was installed\..*then run npx qmimic-torch setup again:/s,
  );
  expect({ status, stdout }).toEqual({ status: 1, stdout: expect.stringMatching(/^system +FAILED/) });
});
