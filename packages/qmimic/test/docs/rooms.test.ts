// docs/architecture.md: a folder of src imports only from folders to its left; models is entered by its door, and what kind
// a detector is nobody outside of it asks; no import goes in a circle, types included.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DETECTORS } from "../../src/models/index.js";

const source = fileURLToPath(new URL("../../src/", import.meta.url));
const page = readFileSync(new URL("../../../../docs/architecture.md", import.meta.url), "utf8");

/** Every file of src, relative to it, with its text and the files of src that it imports or re-exports. */
const files = readdirSync(source, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith(".ts"))
  .map((name) => {
    const text = readFileSync(join(source, name), "utf8");
    const imports = [...text.matchAll(/(?:from |import\()"(\.{1,2}\/[^"]+)\.js"/g)].map(([, path]) =>
      relative(source, resolve(source, dirname(name), `${path}.ts`)),
    );
    return { name, text, imports };
  });

/** The folder of src that a file is in; null for those that belong to none. */
const roomOf = (name: string): string | null => (name.includes(sep) ? name.split(sep)[0] : null);

describe("imports", () => {
  it("go one way", () => {
    const rooms = /^(\w+( -> \w+)+)$/m.exec(page)?.[1].split(" -> ") ?? [];
    expect([...rooms].sort()).toEqual([...new Set(files.flatMap(({ name }) => roomOf(name) ?? []))].sort());
    for (const { name, imports } of files) {
      const room = roomOf(name);
      if (room === null) continue;
      const allowed = rooms.slice(0, rooms.indexOf(room) + 1);
      for (const other of imports.flatMap((path) => roomOf(path) ?? []))
        expect(allowed, `${name} imports from ${other}`).toContain(other);
    }
  });

  it("enter models by its door", () => {
    const door = join("models", "index.ts");
    const around = files.flatMap(({ name, imports }) =>
      roomOf(name) === "models"
        ? []
        : imports
            .filter((path) => roomOf(path) === "models" && path !== door)
            .map((path) => `${name} -> ${path}`),
    );
    expect(around).toEqual([]);
  });

  it("go in no circle", () => {
    const importsOf = new Map(files.map(({ name, imports }) => [name, imports]));
    const done = new Set<string>();
    const visit = (name: string, path: string[]): void => {
      if (path.includes(name)) throw new Error(`circle: ${[...path, name].join(" -> ")}`);
      if (done.has(name)) return;
      for (const next of importsOf.get(name) ?? []) visit(next, [...path, name]);
      done.add(name);
    };
    for (const { name } of files) visit(name, []);
  });
});

it.each(["evaluate", "data", "doctor"])(
  "verb %s works without libtorch: nothing that it loads at once imports it",
  (verb) => {
    const seen = new Set<string>();
    const visit = (name: string): void => {
      const file = files.find((one) => one.name === name);
      if (!file || seen.has(name)) return;
      seen.add(name);
      const values = file.text
        .replaceAll(/^(import|export) type [^;]*;/gm, "")
        .replaceAll(/await import\([^)]*\)/g, "");
      expect(values, name).not.toMatch(/from "@qmimic\/torch"/);
      for (const [, path] of values.matchAll(/from "(\.{1,2}\/[^"]+)\.js"/g))
        visit(relative(source, resolve(source, dirname(name), `${path}.ts`)));
    };
    visit(join("cli", `${verb}.ts`));
  },
);

it("no file outside models names a kind of detector", () => {
  const named = files.flatMap(({ name, text }) =>
    roomOf(name) === "models"
      ? []
      : DETECTORS.filter((kind) => text.includes(kind)).map((kind) => `${name}: ${kind}`),
  );
  expect(named).toEqual([]);
});

it("the contract of a detector can be read at once", () => {
  const contract = files.find(({ name }) => name === join("models", "detector.ts"));
  expect(contract?.text.split("\n").length).toBeLessThan(120);
});
