// What is installed is free to use, change and ship: every package's licence is permissive, but for those named here.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

const PERMISSIVE = new Set([
  ...["MIT", "MIT-0", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "BlueOak-1.0.0"],
  ...["CC0-1.0", "Unlicense", "Python-2.0", "Zlib"],
]);

/** Named in README's section on licences. */
const EXCEPTIONS: { name: RegExp; licence: string; named: RegExp }[] = [
  { name: /^@img\/sharp-(libvips|wasm32|win32)/, licence: "LGPL-3.0-or-later", named: /libvips \(LGPL\)/ },
  { name: /^@fontsource\/unifont$/, licence: "OFL-1.1", named: /Unifont \(OFL-1\.1\)/ },
  { name: /^lightningcss/, licence: "MPL-2.0", named: /lightningcss \(MPL-2\.0\)/ },
];

interface Installed {
  name: string;
  /** An SPDX expression; "" where the package states none. */
  licence: string;
}

/** Every package below a node_modules folder, those within others too. */
function installed(folder: string): Installed[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    // Links are the workspace's own packages.
    if (!entry.isDirectory() || entry.name.startsWith(".")) return [];
    const path = join(folder, entry.name);
    if (entry.name.startsWith("@")) return installed(path);
    const inner = readdirSync(path).includes("node_modules") ? installed(join(path, "node_modules")) : [];
    return [...(readdirSync(path).includes("package.json") ? [describe(path)] : []), ...inner];
  });
}

function describe(path: string): Installed {
  const { name, license, licenses } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  // Old packages have a list of { type }.
  const stated = license ?? licenses;
  const words = [stated].flat().map((one) => (typeof one === "string" ? one : (one?.type ?? "")));
  return { name, licence: words.join(" AND ") };
}

/** Whether a licence, or one of a choice of them, or all of several, is allowed. */
function isAllowed(licence: string, name: string): boolean {
  const bare = licence.replace(/[()]/g, "");
  return bare
    .split(" OR ")
    .some((choice) =>
      choice
        .split(" AND ")
        .every(
          (one) => PERMISSIVE.has(one) || EXCEPTIONS.some((e) => e.name.test(name) && e.licence === one),
        ),
    );
}

it("every licence in node_modules is permissive, or an exception that README names", () => {
  const packages = installed(join(root, "node_modules"));
  expect(packages.length).toBeGreaterThan(50);
  expect(packages.filter(({ name, licence }) => !isAllowed(licence, name))).toEqual([]);
  const readme = readFileSync(join(root, "README.md"), "utf8");
  for (const { named } of EXCEPTIONS) expect(readme).toMatch(named);
});

it("nothing else is let through", () => {
  for (const licence of [
    "GPL-3.0",
    "AGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT AND GPL-2.0",
    "UNLICENSED",
    "",
  ]) {
    expect(isAllowed(licence, "some-package")).toBe(false);
  }
  for (const licence of ["MIT", "(MIT OR GPL-3.0)", "MIT AND ISC"])
    expect(isAllowed(licence, "x")).toBe(true);
});
