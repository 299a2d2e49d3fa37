// Builds and loads an addon: built once, found again, rebuilt when sources or libtorch change. To be fast, libtorch is
// three empty libraries.
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildAddon } from "../../src/setup/build.js";
import { addonFolder } from "../../src/setup/cache.js";
import { type Compiler, findCompiler } from "../../src/setup/compiler.js";
import { SetupError } from "../../src/setup/exec.js";
import { findLibtorch, type Libtorch } from "../../src/setup/libtorch.js";
import { AddonError, findAddon, loadAddon } from "../../src/setup/loadAddon.js";

const root = mkdtempSync(join(tmpdir(), "qmimic-addon-"));
const libtorch = join(root, "libtorch");
const sources = { name: "answers", folder: join(root, "native"), headers: [join(root, "headers")] };
const [library, version] = [join(libtorch, "lib/libtorch_cpu.so"), "torch/csrc/api/include/torch/version.h"];
const before = { ...process.env };
let cxx: Compiler;

const put = (file: string, text: string): void => {
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
};
const defines = (parts: readonly number[]): string =>
  parts.map((n, i) => `#define TORCH_VERSION_${["MAJOR", "MINOR", "PATCH"][i]} ${n}\n`).join("");
const answer = (value: number): void => put(join(root, "headers/answer.h"), `#define ANSWER ${value}\n`);
const build = async () => buildAddon(sources, (await findLibtorch()) as Libtorch, cxx);
const load = () => loadAddon<{ answer: number }>(sources);

beforeAll(async () => {
  process.env.LIBTORCH = libtorch;
  process.env.QMIMIC_CACHE = join(root, "cache");
  cxx = (await findCompiler()) as Compiler;
  put(join(libtorch, "include", version), defines([9, 8, 7]));
  mkdirSync(join(libtorch, "lib"));
  for (const name of ["libtorch", "libtorch_cpu", "libc10"])
    execFileSync(cxx.command, ["-shared", "-xc++", "/dev/null", "-o", join(libtorch, `lib/${name}.so`)]);
  put(
    join(sources.folder, "addon.cc"),
    `#include <napi.h>
     #include "answer.h"
     int other();
     static Napi::Object Init(Napi::Env env, Napi::Object exports) {
       exports.Set("answer", Napi::Number::New(env, ANSWER + other()));
       return exports;
     }
     NODE_API_MODULE(answers, Init)`,
  );
  put(join(sources.folder, "inner/other.cc"), "int other() { return 1; }");
  answer(41);
});
afterAll(() => {
  process.env = before;
  rmSync(root, { recursive: true, force: true });
});

it("is built once, and loaded from the cache", async () => {
  expect(load).toThrow(AddonError);
  expect(load).toThrow(
    `this needs libtorch, and the addon answers that calls it has not been built for LIBTORCH=${libtorch}. Run: npx qmimic-torch setup`,
  );
  expect(await build()).toMatchObject({ objects: 2, compiled: 2, linked: true });
  expect(load().answer).toBe(42);
  expect(await build()).toMatchObject({ compiled: 0, linked: false });
  expect(findAddon(sources)).toMatchObject({ version: "9.8.7", library: { path: library } });
});

it("is also found without LIBTORCH, as the one that was set up last", () => {
  delete process.env.LIBTORCH;
  expect(load().answer).toBe(42);
  process.env.LIBTORCH = libtorch;
});

it("is rebuilt when a header changes: only sources that include it are compiled again", async () => {
  answer(50);
  expect(load).toThrow(/has not been built/);
  expect(await build()).toMatchObject({ compiled: 1, linked: true });
  expect(load().answer).toBe(51);
  answer(41);
  expect(load().answer).toBe(42);
  expect(await build()).toMatchObject({ compiled: 0, linked: false });
});

it("finds libtorch's version if it is defined in another header", async () => {
  const moved = join(libtorch, "include/torch/headeronly/version.h");
  const header = join(libtorch, "include", version);
  put(header, "#include <torch/headeronly/version.h>\n");
  put(moved, defines([2, 11, 0]));
  expect(await findLibtorch()).toMatchObject({ version: "2.11.0" });
  rmSync(moved);
  put(header, defines([9, 8, 7]));
});

it("is not used if libtorch has changed or is missing", async () => {
  utimesSync(library, 1e9, 1e9);
  expect(load).toThrow(`libtorch has changed since the addon answers was built: ${library}. Run: `);
  expect(await build()).toMatchObject({ compiled: 2, linked: true });
  expect(load().answer).toBe(42);
  rmSync(library);
  expect(load).toThrow(`libtorch 9.8.7 no longer exists: ${library}`);
  await expect(findLibtorch()).rejects.toThrow(`LIBTORCH: incomplete libtorch, ${library} is missing`);
});

it("says why it cannot be loaded, and which file does not compile", async () => {
  execFileSync(cxx.command, ["-shared", "-xc++", "/dev/null", "-o", library]);
  const { file } = await build();
  writeFileSync(file, "no library");
  expect(load).toThrow(/^cannot load the addon answers: .*Run: npx qmimic-torch setup$/s);
  put(join(sources.folder, "inner/other.cc"), "int other() { return one; }");
  const failed = build();
  await expect(failed).rejects.toThrow(SetupError);
  await expect(failed).rejects.toThrow(/other\.cc:1:.*one/s);
});

it("leaves no temporary file if compiling or linking fails", async () => {
  put(join(sources.folder, "inner/other.cc"), "int other() { return two; }");
  await expect(build()).rejects.toThrow(SetupError);
  put(join(sources.folder, "inner/other.cc"), "int other() { return 1; }");
  const file = readFileSync(library);
  writeFileSync(library, "no library");
  await expect(build()).rejects.toThrow(SetupError);
  writeFileSync(library, file);
  const left = readdirSync(join(root, "cache"), { recursive: true, encoding: "utf8" });
  expect(left.filter((name) => /\.[0-9a-f]{8}$/.test(name))).toEqual([]);
});

it.each([
  ["env g++", { command: "env", args: ["g++"] }],
  [" g++ ", { command: "g++", args: [] }],
])("CXX may have arguments: %j", async (value, expected) => {
  process.env.CXX = value;
  expect(await findCompiler()).toMatchObject(expected);
  process.env.CXX = "env no-such-compiler";
  await expect(findCompiler()).rejects.toThrow(/^CXX=env no-such-compiler: .*Set CXX to a C\+\+ compiler/);
  delete process.env.CXX;
});

it("names a cache folder that is not writable", async () => {
  put(join(root, "file"), "");
  process.env.QMIMIC_CACHE = join(root, "file/cache");
  expect(() => addonFolder(sources)).not.toThrow();
  await expect(build()).rejects.toThrow(/^cannot create the cache folder: .*file\/cache.*QMIMIC_CACHE=DIR$/);
});
