// The set-up installs system packages only where it is told to, or as root in a container.
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const file = fileURLToPath(new URL("../../../../scripts/lib/libtorch.mjs", import.meta.url));

interface Situation {
  uid: number;
  ci: string | undefined;
  args: string[];
}
interface Script {
  prefix(situation: Situation): Promise<string[] | null>;
  advice(packages: string[]): string;
}

it("asks sudo for nothing on a person's machine", async () => {
  const { prefix, advice } = (await import(file)) as Script;
  const person = { uid: 1000, ci: undefined, args: ["node", "setup.mjs"] };
  expect(await prefix(person)).toBeNull();
  expect(await prefix({ ...person, ci: "false" })).toBeNull();
  expect(await prefix({ ...person, uid: 0 })).toEqual([]);
  // With leave to: sudo, where it asks for no password.
  for (const leave of [{ ci: "true" }, { args: ["node", "setup.mjs", "--yes"] }]) {
    expect([null, ["sudo", "-n"]]).toContainEqual(await prefix({ ...person, ...leave }));
  }
  expect(advice(["g++"])).toMatch(/sudo apt-get install g\+\+\n.*--yes/);
});
