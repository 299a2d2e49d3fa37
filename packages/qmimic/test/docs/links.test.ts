// Links between documents lead to files that are there.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const NOT_OURS = ["node_modules", "dist", "build", "runs"];

/** Every document below a folder. */
function documents(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith(".") || NOT_OURS.includes(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return documents(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

it("every formula of the method leads to its code", () => {
  const text = readFileSync(join(root, "docs", "method.md"), "utf8");
  const files = [
    ...["models/quantizer.ts", "train/step.ts", "mimic/mimic.ts", "mimic/regions.ts", "mimic/headLoss.ts"],
    ...["mimic/acrossScales.ts", "mimic/gradients.ts", "mimic/match.ts", "mimic/calibrate.ts"],
    ...["models/backbones/spatial.ts", "prune/byLasso.ts", "prune/byTaylor.ts"],
  ];
  for (const file of files) expect(text).toContain(`](../packages/qmimic/src/${file})`);
});

it("every relative link in a document", () => {
  const found = documents(root);
  expect(found).toContain(join(root, "README.md"));
  const broken = found.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(([, link]) => link)
      .filter((link) => !/^\w+:/.test(link) && !existsSync(join(dirname(path), link)))
      .map((link) => `${path}: ${link}`),
  );
  expect(broken).toEqual([]);
});
