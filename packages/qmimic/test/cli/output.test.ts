// What a verb does when its output is closed or full, when the disk is, and when it is interrupted.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { generateDemo } from "../../src/data/demo.js";
import { temporaryFolder } from "../data/temporary.js";
import { filesBelow, qmimic, type RunOptions } from "./qmimic.js";

const root = await temporaryFolder();
const data = join(root, "data");
const SETTINGS = [
  ...["--data", data, "--side", "96", "--output-stride", "8", "--batch", "4", "--threads", "1"],
  ...["--method", "scratch", "--student", "vgg-1-64", "--epochs", "2", "--eval-every", "2", "--scales", "1"],
];
const train = (name: string, options: RunOptions = {}, runs = root) =>
  qmimic(["train", ...SETTINGS, "--runs", runs, "--cache", join(runs, "cache"), "--name", name], options);
const weightsOf = (name: string, file = "last.safetensors") => join(root, name, "student", "weights", file);
const bytesOf = (name: string) => readFileSync(weightsOf(name));
/** Starts a command with standard output going there, or under a limit. */
const shell = (script: string) => ({ within: ["sh", "-c", `${script}; exec "$@"`, "sh"] });
const toFull = { within: ["sh", "-c", 'exec "$@" > /dev/full', "sh"] };
/** Whoever reads has had enough before the first line. */
const closed: RunOptions = { started: (child) => void child.stdout?.destroy() };

beforeAll(async () => {
  await generateDemo(data, { train: 12, val: 4, test: 2, side: 96 });
  expect(await train("alone")).toMatchObject({ code: 0, stderr: "" });
}, 120_000);

describe("standard output", () => {
  it("that nobody reads: training goes on and ends as ever", async () => {
    expect(await train("closed", closed)).toMatchObject({ code: 0, stderr: "" });
    expect(bytesOf("closed").equals(bytesOf("alone"))).toBe(true);
    expect(existsSync(join(root, "closed", "report.html"))).toBe(true);
  });

  it("that is full: training goes on and says so once", async () => {
    const { code, stderr } = await train("full", toFull);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^qmimic: cannot write to standard output: ENOSPC.*\n$/),
    });
    expect(bytesOf("full").equals(bytesOf("alone"))).toBe(true);
  });

  it("of a verb that prints: closed is no fault, full is one", async () => {
    for (const args of [
      ["data", "check", data],
      ["data", "--help"],
    ]) {
      expect(await qmimic(args, closed)).toMatchObject({ code: 0, stderr: "" });
      const { code, stderr } = await qmimic(args, toFull);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^qmimic: cannot write to standard output: ENOSPC.*\n$/),
      });
    }
  });

  it("has no control characters of file names", async () => {
    const odd = join(root, "odd\u001b[31m\u009b.jpg");
    const [image] = readdirSync(join(data, "JPEGImages"));
    await copyFile(join(data, "JPEGImages", image), odd);
    const out = join(root, "odd-out");
    const { code, stdout } = await qmimic(["predict", join(root, "alone"), odd, "--out", out]);
    expect(code).toBe(0);
    expect(stdout).toContain("odd\\x1b[31m\\x9b.jpg: ");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to match control characters.
    expect(stdout).not.toMatch(/[\u001b\u009b]/);
    const missing = await qmimic(["predict", join(root, "alone"), `${odd}x`, "--\u001b[2J"]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).not.toContain("\u001b");
  });
});

describe("a signal", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)(
    "%s during training: says how to resume, and leaves nothing temporary",
    async (signal, code) => {
      const name = `ended-by-${signal}`;
      const folder = join(root, name);
      const outcome = await train(name, {
        signal,
        killWhen: () => existsSync(weightsOf(name, "state.safetensors")),
      });
      const resume = `finished work is kept; resume with: npx qmimic train --resume ${folder}`;
      expect(outcome).toMatchObject({ code, stderr: `qmimic: interrupted (${signal}): ${resume}\n` });
      expect(filesBelow(folder).filter((file) => file.endsWith(".tmp"))).toEqual([]);
      if (signal === "SIGTERM") return;
      expect(await qmimic(["train", "--resume", folder])).toMatchObject({ code: 0, stderr: "" });
      expect(bytesOf(name).equals(bytesOf("alone"))).toBe(true);
    },
  );

  it("while predict writes: nothing is left", async () => {
    const many = join(root, "many");
    await mkdir(many);
    const [image] = readdirSync(join(data, "JPEGImages"));
    for (let i = 0; i < 60; i++) await copyFile(join(data, "JPEGImages", image), join(many, `${i}.jpg`));
    const place = join(root, "predicted");
    await mkdir(place);
    const begun = () => readdirSync(place).length > 0;
    const outcome = await qmimic(
      ["predict", join(root, "alone"), many, "--out", join(place, "out"), "--threads", "1"],
      { signal: "SIGINT", killWhen: begun },
    );
    expect(outcome).toMatchObject({
      code: 130,
      stderr: "qmimic: interrupted (SIGINT): nothing was written\n",
    });
    expect(readdirSync(place)).toEqual([]);
  });

  it("that is sent twice ends the process at once, whatever it is doing; one of each kind does not", async () => {
    const signals = fileURLToPath(new URL("../../dist/native/signals.js", import.meta.url));
    const code = `
      const { endAtSecondSignal } = await import(${JSON.stringify(signals)});
      for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
      endAtSecondSignal();
      console.log("busy");
      for (;;);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGINT");
    child.kill("SIGTERM");
    const left = await Promise.race([once(child, "exit"), new Promise((r) => setTimeout(r, 200, "busy"))]);
    expect(left).toBe("busy");
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
  });
});

describe("errors of the system", () => {
  const resume = (folder: string) => new RegExp(`, then: npx qmimic train --resume ${folder}\n$`);

  it("a limit for files: the file is named, and how to resume", async () => {
    const { code, stderr } = await train("limited", shell("ulimit -f 64"));
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(resume(join(root, "limited"))),
    });
    expect(stderr).toMatch(/^qmimic: .*student\/weights\/\w+\.safetensors: EFBIG: .*Raise the limit/);
  });

  it("too many open files: a message without a trace", async () => {
    const { code, stderr } = await qmimic(["data", "check", data], shell("ulimit -n 24"));
    expect(code).toBe(1);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  const mount = [
    ["unshare", "--mount"],
    ["unshare", "--user", "--map-root-user", "--mount"],
  ].find(
    ([command, ...args]) => spawnSync(command, [...args, "mount", "-t", "tmpfs", "x", "/mnt"]).status === 0,
  );

  it.skipIf(mount === undefined)("a full disk: the file is named, and how to resume", async () => {
    const place = join(root, "small");
    await mkdir(place);
    const script = `mount -t tmpfs -o size=300k tmpfs ${place}; exec "$@"`;
    const within = [...mount!, "sh", "-c", script, "sh"];
    const { code, stderr } = await train("r", { within }, place);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^qmimic: .*small\/r\/.*: ENOSPC: .*Free some space/);
    expect(stderr).toMatch(resume(join(place, "r")));
  });
});
