// All three packages as others get them: packed, checked, installed into an empty folder, set up there, and a tiny detector
// trained by the lines of the README.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheFolder } from "@qmimic/torch/setup";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../data/temporary.js";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const PACKAGES = ["torch", "runtime", "qmimic"] as const;
type Package = (typeof PACKAGES)[number];
const folderOf = (name: Package) => join(root, "packages", name);
const installed = (name: Package) =>
  join(project, "node_modules", name === "qmimic" ? name : `@qmimic/${name}`);
const readmeOf = (name: Package) => readFileSync(join(folderOf(name), "README.md"), "utf8");

const project = await temporaryFolder();
const cache = join(project, "cache");
const tarballs = {} as Record<Package, string>;

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command in the project, whose addons are in a cache of its own. */
async function run(command: string, ...args: string[]): Promise<Outcome> {
  const env = { ...process.env, QMIMIC_CACHE: cache, NO_COLOR: "1" };
  try {
    return { code: 0, ...(await promisify(execFile)(command, args, { cwd: project, env })) };
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome;
    return { code, stdout, stderr };
  }
}
const npx = (...args: string[]) => run("npx", "--no-install", ...args);

async function succeed(outcome: Promise<Outcome>): Promise<string> {
  const { code, stdout, stderr } = await outcome;
  expect(code, stdout + stderr).toBe(0);
  return stdout;
}

/** The first code block of a README that matches. */
function snippet(name: Package, pattern: RegExp): string {
  const code = [...readmeOf(name).matchAll(/```(.*?)```/gs)]
    .map(([, text]) => text)
    .find((text) => pattern.test(text));
  if (code === undefined) throw new Error(`README of ${name} has no code like ${pattern}`);
  return code.slice(code.indexOf("\n") + 1);
}

/** The versions that the workspace has: what npm has in its own cache. */
function installedVersions(): Record<string, string> {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { version: string; dev?: boolean; link?: boolean }>;
  };
  return Object.fromEntries(
    Object.entries(packages).flatMap(([path, { version, dev, link }]) => {
      const name = /^node_modules\/((@[^/]+\/)?[^/]+)$/.exec(path)?.[1];
      return name === undefined || dev || link ? [] : [[name, version]];
    }),
  );
}

beforeAll(async () => {
  for (const name of PACKAGES) {
    const place = join(project, "packed", name);
    mkdirSync(place, { recursive: true });
    await succeed(run("npm", "pack", folderOf(name), "--pack-destination", place));
    tarballs[name] = join(place, readdirSync(place)[0]);
  }
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ type: "module", private: true, overrides: installedVersions() }),
  );
  const flags = ["--prefer-offline", "--no-audit", "--no-fund"];
  await succeed(run("npm", "install", ...flags, ...PACKAGES.map((name) => tarballs[name])));
});

describe.each(PACKAGES)("package %s", (name) => {
  it("has nothing that publint finds fault with", async () => {
    const pkgDir = installed(name);
    const { messages } = await publint({ pkgDir, pack: false, strict: true });
    const manifest = JSON.parse(readFileSync(join(pkgDir, "package.json"), "utf8"));
    expect(messages.map((message) => formatMessage(message, manifest, { color: false }))).toEqual([]);
  });

  it("has types that resolve wherever its code does", async () => {
    const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    const profile = ["--profile", "esm-only", "--no-definitely-typed", "--no-emoji"];
    // The runtime's bundles are classic scripts: nothing is imported from them.
    const flags = [
      ...profile,
      ...(name === "runtime" ? ["--exclude-entrypoints", "./bundle", "./bundle-floats"] : []),
    ];
    await succeed(run(process.execPath, attw, tarballs[name], ...flags));
  });

  it("holds what is needed, and no more", () => {
    const files = readdirSync(installed(name));
    for (const needed of ["LICENSE", "README.md", "dist", "package.json", "src"])
      expect(files).toContain(needed);
    for (const other of ["test", "build", "node_modules", "tsconfig.json"])
      expect(files).not.toContain(other);
    expect(files.includes("native")).toBe(name !== "runtime");
  });
});

describe("in an empty folder", () => {
  it("installing has compiled nothing: doctor says what is missing, and train what to run", async () => {
    expect(existsSync(cache)).toBe(false);
    const doctor = await npx("qmimic", "doctor");
    expect(doctor.stdout).toMatch(/^missing: libtorch: .*Run: npx qmimic setup$/m);
    expect(doctor.code).toBe(1);
    const train = await npx("qmimic", "train", "--data", "signs");
    expect(train).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/Run: npx qmimic setup\n$/),
    });
  });

  it("setup builds both addons from the sources that came along", async () => {
    // Objects are those of this checkout, but for one of each: compiling all takes minutes.
    cpSync(join(cacheFolder(), "objects"), join(cache, "objects"), {
      recursive: true,
      filter: (path) => !/\/(signals|tensor_box)-\w+\.o$/.test(path),
    });
    const text = await succeed(npx("qmimic", "setup"));
    expect(text).toMatch(
      /^addon +qmimic_torch: compiled 1 of \d+ files, linked, .*^addon +qmimic: compiled 1 of /ms,
    );
    expect(await succeed(npx("qmimic", "setup"))).toMatch(
      /^addon +qmimic_torch: up to date.*^addon +qmimic: up to date/ms,
    );
    expect(await succeed(npx("qmimic-torch", "setup"))).toMatch(/^addon +qmimic_torch: up to date/m);
    expect(await succeed(npx("qmimic", "doctor"))).toMatch(/^ [ !] libtorch .*sgemm/ms);
  });

  it("a detector, by the lines of the README", async () => {
    const small: Record<string, string[]> = {
      data: ["--train", "12", "--val", "4", "--test", "4"],
      train: ["--epochs", "2", "--side", "128"],
      export: ["--no-compare"],
    };
    const lines = snippet("qmimic", /train --data signs/)
      .trim()
      .split("\n");
    expect(lines.map((line) => line.split(" ")[2])).toEqual(["data", "train", "predict", "export"]);
    for (const line of lines) {
      const [command, ...args] = line.split(" ").slice(1);
      await succeed(npx(command, ...args, ...(small[args[0]] ?? [])));
    }
    expect(readdirSync(join(project, "runs/quick/export")).sort()).toEqual([
      "detector.int8.html",
      "detector.int8.safetensors",
    ]);
    writeFileSync(join(project, "library.js"), snippet("qmimic", /from "qmimic"/));
    expect(await succeed(run(process.execPath, "library.js"))).toMatch(/scores: Float32Array/);
  });

  it("a network, by the code of the README of @qmimic/torch", async () => {
    writeFileSync(join(project, "network.js"), snippet("torch", /crossEntropy\(network/));
    const [, right] = /([\d.]+) % right/.exec(await succeed(run(process.execPath, "network.js"))) ?? [];
    expect(Number(right)).toBeGreaterThan(95);
  });
});
