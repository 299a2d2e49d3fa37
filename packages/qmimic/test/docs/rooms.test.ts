// docs/architecture.md: a folder of src imports only from folders to its left.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const source = fileURLToPath(new URL("../../src/", import.meta.url));
const page = readFileSync(new URL("../../../../docs/architecture.md", import.meta.url), "utf8");

it("imports go one way", () => {
  const rooms = /^(\w+( -> \w+)+)$/m.exec(page)?.[1].split(" -> ") ?? [];
  const folders = readdirSync(source, { withFileTypes: true }).filter((one) => one.isDirectory());
  expect([...rooms].sort()).toEqual(folders.map((one) => one.name).sort());
  for (const [position, room] of rooms.entries()) {
    const files = readdirSync(join(source, room), { recursive: true }).map(String);
    for (const file of files.filter((name) => name.endsWith(".ts"))) {
      const text = readFileSync(join(source, room, file), "utf8");
      for (const [, other] of text.matchAll(/from "(?:\.\.\/)+(\w+)\//g)) {
        expect(rooms.slice(0, position + 1), `${room}/${file} imports from ${other}`).toContain(other);
      }
    }
  }
});
