// Files that would keep a reader busy for ever, fill its memory or its messages, or write to the terminal.
import { spawnSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { recipeFrom } from "../../src/cli/recipeFlags.js";
import { checkDataset } from "../../src/data/check.js";
import { formatReport } from "../../src/data/checkReport.js";
import { contentHashes } from "../../src/data/contentHashes.js";
import { readDataset } from "../../src/data/dataset.js";
import { decodeImage } from "../../src/data/images.js";
import { tryLock } from "../../src/data/lock.js";
import { parseNumber } from "../../src/data/parseNumber.js";
import { openRecordFile } from "../../src/data/recordFile.js";
import { readVoc } from "../../src/data/voc.js";
import { didYouMean, InputError } from "../../src/errors.js";
import { readCoco } from "../../src/eval/readers/cocoJson.js";
import { readMatFile } from "../../src/eval/readers/matFile.js";
import { readVocFiles } from "../../src/eval/readers/vocFiles.js";
import { openRunFolder } from "../../src/train/runFolder.js";
import { loadDetector } from "../../src/train/weights.js";
import { makeVoc, put, temporaryFolder, xmlOf } from "./temporary.js";

const root = await temporaryFolder();
const fifo = join(root, "fifo");

async function problemsOf(xml: string): Promise<string[]> {
  const folder = await makeVoc(join(root, "one"), { a: [] });
  await put(join(folder, "Annotations", "a.xml"), xml);
  return problemsIn(folder);
}

async function problemsIn(folder: string, split = "train"): Promise<string[]> {
  const problems: string[] = [];
  await readVoc(folder, split, { onProblem: ({ message }) => problems.push(message) });
  return problems;
}

/** The message of the InputError that `run` ends with. */
async function refusal(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as Error).message;
  }
  throw new Error("was not refused");
}

describe("a million digits where a number should be", () => {
  const digits = "9".repeat(1_000_000);

  it("are read, or not, without a search that takes time with their square", () => {
    expect(parseNumber(`${digits}x`)).toBeUndefined();
    expect(parseNumber(`1.${digits}x`)).toBeUndefined();
    expect(parseNumber(digits)).toBeUndefined();
    expect(parseNumber(`0.${digits}`)).toBe(1);
    for (const text of ["1", "1.", ".5", "-1.5e3", "+2"]) expect(parseNumber(text)).toBe(Number(text));
    for (const text of ["", ".", "1e", "e1", "0x1", "1 ", "١"]) expect(parseNumber(text)).toBeUndefined();
  });

  it("are refused in an annotation", async () => {
    const [problem] = await problemsOf(xmlOf(100, 80, [{ box: [`${digits}x`, 2, 3, 4] }]));
    expect(problem).toMatch(
      /^object 1: "cat" has <xmin> "9{80}\.\.\." \(1000001 characters\); expected a number/,
    );
  });
});

describe("a named pipe in the place of a file", () => {
  beforeAll(() => {
    expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
  });
  const pipe = /it is a named pipe/;

  it("is refused by every reader, and none waits for it", async () => {
    expect(await refusal(() => decodeImage(fifo))).toMatch(pipe);
    expect(await refusal(() => loadDetector(fifo))).toMatch(pipe);
    expect(await refusal(() => recipeFrom(fifo, {}))).toMatch(pipe);
    expect(await refusal(() => readCoco(fifo, fifo))).toMatch(pipe);
    expect(await refusal(() => readMatFile(fifo))).toMatch(pipe);
    expect(await refusal(() => contentHashes([fifo], root))).toMatch(pipe);
    expect(await refusal(() => openRecordFile(fifo, "key"))).toMatch(pipe);
    expect(await refusal(() => tryLock(fifo, ""))).toMatch(pipe);
  });

  it("is refused in the folders that readers look into", async () => {
    const pipes = async (...path: string[]) => {
      const folder = await makeVoc(join(root, path.join("-")), { a: [{}] });
      await rm(join(folder, ...path), { force: true });
      expect(spawnSync("mkfifo", [join(folder, ...path)]).status).toBe(0);
      return folder;
    };
    const image = await pipes("JPEGImages", "a.png");
    expect(await refusal(() => readVoc(image, "train"))).toMatch(pipe);
    const list = await pipes("ImageSets", "Main", "train.txt");
    expect(await refusal(() => readVoc(list, "train"))).toMatch(pipe);
    const annotation = await pipes("Annotations", "a.xml");
    expect(await refusal(() => readVoc(annotation, "train"))).toMatch(pipe);
    const results = await makeVoc(join(root, "results"), { a: [{}] });
    await put(join(root, "found", "x"), "");
    await rm(join(root, "found", "x"));
    spawnSync("mkfifo", [join(root, "found", "cat.txt")]);
    expect(await refusal(() => readVocFiles(results, "train", join(root, "found")))).toMatch(pipe);
    await put(join(root, "run", "x"), "");
    spawnSync("mkfifo", [join(root, "run", "recipe.yaml")]);
    expect(await refusal(() => openRunFolder(join(root, "run")))).toMatch(pipe);
  });

  it("and so are devices and directories", async () => {
    expect(await refusal(() => decodeImage("/dev/zero"))).toMatch(/it is a device/);
    expect(await refusal(() => recipeFrom("/dev/zero", {}))).toMatch(/it is a device/);
    expect(await refusal(() => loadDetector(root))).toMatch(/it is a directory/);
  });
});

describe("a long text in the place of a word", () => {
  const long = "x".repeat(300_000);
  const MAX = 1000;

  it("are cut in messages about annotations", async () => {
    const odd = [
      xmlOf(100, 80, [{ name: long, box: ["a", 1, 2, 3] }]),
      xmlOf(100, 80, [{ name: long, box: [50, 1, 2, 3] }]),
      xmlOf(100, 80, [{ extra: `<difficult>${long}</difficult>` }]),
      `<${long}></${long}>`,
      `<annotation><${long}></annotation>`,
    ];
    for (const xml of odd) {
      const problems = await problemsOf(xml);
      expect(problems.length).toBeGreaterThan(0);
      for (const problem of problems) expect(problem.length).toBeLessThan(MAX);
    }
    const folder = await makeVoc(
      join(root, "long"),
      { a: [{ name: long }], b: [{ name: `${long}y` }] },
      { train: "a\n", val: `b\n${long}/\n` },
    );
    expect((await refusal(() => readVoc(folder, "val"))).length).toBeLessThan(3 * MAX);
    expect((await refusal(() => readVoc(folder, long))).length).toBeLessThan(long.length + MAX);
  });

  it("are cut in messages about recipes and results", async () => {
    const recipe = join(root, "long.yaml");
    for (const text of [
      `${long.slice(0, 9e5)}: 1`,
      `side: ${long.slice(0, 9e5)}`,
      `[${long.slice(0, 9e5)}`,
    ]) {
      await put(recipe, text);
      expect((await refusal(() => recipeFrom(recipe, {}))).length).toBeLessThan(MAX);
    }
    await put(recipe, long.repeat(4));
    expect(await refusal(() => recipeFrom(recipe, {}))).toMatch(/it has 1200000 bytes; the limit is 1000000/);

    const truth = join(root, "truth.json");
    await put(
      truth,
      JSON.stringify({ images: [{ id: 1 }], categories: [{ id: 1, name: "a" }], annotations: [] }),
    );
    for (const bbox of [long, { long }, Array(1e6).fill(1), [long, 1, 1, 1]]) {
      const results = join(root, "results.json");
      await put(results, JSON.stringify([{ image_id: 1, category_id: 1, bbox, score: 1 }]));
      expect((await refusal(() => readCoco(truth, results))).length).toBeLessThan(MAX);
    }
    await put(truth, `{${long}`);
    expect((await refusal(() => readCoco(truth, truth))).length).toBeLessThan(MAX);
    const voc = await makeVoc(join(root, "short"), { a: [{}] });
    await put(join(root, "lines", "cat.txt"), long);
    expect((await refusal(() => readVocFiles(voc, "train", join(root, "lines")))).length).toBeLessThan(MAX);
  });

  it("are not compared letter by letter with what was meant", () => {
    expect(didYouMean(long, [`${long}y`])).toBe("");
    expect(didYouMean("trian", ["train", long])).toBe(' Did you mean "train"?');
  });
});

it("control characters in a class name or an id are a problem, and are not quoted as they are", async () => {
  const [problem] = await problemsOf(xmlOf(100, 80, [{ name: "a\u001b[2Jb\u202e\u0085" }]));
  expect(problem).toBe(
    'object 1: the class "a\\u001b[2Jb\\u202e\\x85" has control characters in its name. Correct it.',
  );
});

it("control characters in declared classes and in images' names are problems in every format", async () => {
  const image = { "images/a\u001b[2Jb.png": "", "images/a.png": "" };
  const cvat = (label: string, name: string) =>
    `<annotations><version>1.1</version><meta><task><labels><label><name>${label}</name></label></labels></task></meta><image id="0" name="${name}" width="100" height="80"/></annotations>`;
  const sets: [string, Record<string, string>, RegExp][] = [
    [
      "cvat-class",
      { ...image, "a.xml": cvat("c\u0085t", "a.png") },
      /the class "c\\x85t" has control characters/,
    ],
    [
      "cvat-id",
      { ...image, "a.xml": cvat("cat", "a\u001b[2Jb.png") },
      /image's name "a\\u001b\[2Jb" has control/,
    ],
    [
      "yolo-class",
      { ...image, "data.yaml": 'train: images\nnames: ["c\\u202et"]\n', "labels/a.txt": "" },
      /the class "c\\u202et" has control characters/,
    ],
  ];
  for (const [name, files, message] of sets) {
    for (const [path, text] of Object.entries(files)) await put(join(root, name, path), text);
    const read = () => readDataset(join(root, name), "train", { checkImages: false });
    expect(await refusal(read)).toMatch(message);
  }
});

it("data check decodes large images on the way to a small one, as training does", async () => {
  const folder = await makeVoc(
    join(root, "large"),
    { a: [], b: [], c: [], d: [] },
    { train: "a\nb\n", val: "c\nd\n" },
  );
  const plain = sharp({ create: { width: 6000, height: 6000, channels: 3, background: "#888" } });
  const bytes = await plain.jpeg({ quality: 10 }).toBuffer();
  for (const id of ["a", "b", "c", "d"]) {
    await put(join(folder, "JPEGImages", `${id}.png`), bytes);
    await put(join(folder, "Annotations", `${id}.xml`), xmlOf(6000, 6000, [{}]));
  }
  const before = process.resourceUsage().maxRSS;
  const report = await checkDataset(folder);
  expect(formatReport(report)).toMatch(/no problems/);
  // Four decoded whole, as they were, are 432 MB.
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(250 * 1024);
});
