// System packages are installed only where that is asked for, or as root in a container.
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
