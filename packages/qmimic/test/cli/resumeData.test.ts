// A run is resumed on the data that it was started on, wherever that lies, and on no other.
import { cpSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { makeVoc, plainImage, temporaryFolder, xmlOf } from "../data/temporary.js";
import { qmimic } from "./qmimic.js";

const root = await temporaryFolder();
const data = join(root, "data");
const other = await plainImage(100, 80, "png", "#4080c1");
const run = join(root, "run");
const kept = join(root, "kept");
const resume = (...more: string[]) => qmimic(["train", "--resume", run, ...more]);

beforeAll(async () => {
  const cat = [{ name: "cat", box: [20, 20, 70, 60] }];
  const dog = [{ name: "dog", box: [10, 10, 50, 70] }];
  await makeVoc(data, { a: cat, b: dog, c: [...cat, ...dog], d: cat }, { train: "a\nb\nc\n", val: "d\n" });
  const settings = ["--data", data, "--runs", root, "--side", "96", "--output-stride", "8", "--batch", "2"];
  const short = ["--method", "scratch", "--student", "vgg-1-64", "--epochs", "1", "--scales", "1"];
  const args = ["train", ...settings, ...short, "--name", "run", "--threads", "1"];
  expect(await qmimic(args)).toMatchObject({ code: 0 });
  cpSync(data, kept, { recursive: true });
}, 60_000);

const restore = () => {
  rmSync(data, { recursive: true });
  cpSync(kept, data, { recursive: true });
};
const edit = (name: string, change: (text: string) => string) => {
  const path = join(data, name);
  writeFileSync(path, change(readFileSync(path, "utf8")));
};
const TRAIN = "ImageSets/Main/train.txt";
const everywhere = (change: (text: string) => string) => {
  for (const id of ["a", "b", "c", "d"]) edit(`Annotations/${id}.xml`, change);
};

const changes: [string, () => void, RegExp][] = [
  [
    "a class renamed",
    () => everywhere((xml) => xml.replaceAll(">cat<", ">wolf<")),
    /classes: "dog", "wolf"; were "cat", "dog"/,
  ],
  [
    "classes that change places",
    () =>
      everywhere((xml) =>
        xml.replaceAll(">cat<", ">?<").replaceAll(">dog<", ">cat<").replaceAll(">?<", ">dog<"),
      ),
    /split "train": 3 images with other boxes, classes or sizes \(a, b, c\)\n.*split "val": 1 image with/,
  ],
  [
    "a box moved by a pixel",
    () => edit("Annotations/b.xml", (xml) => xml.replace("<xmin>10<", "<xmin>11<")),
    /split "train": 1 image with other boxes, classes or sizes \(b\)/,
  ],
  [
    "an object that is difficult now",
    () =>
      edit("Annotations/d.xml", () =>
        xmlOf(100, 80, [{ name: "cat", box: [20, 20, 70, 60] }, { extra: "<difficult>1</difficult>" }]),
      ),
    /split "val": 1 image with other boxes, classes or sizes \(d\)/,
  ],
  [
    "an image replaced by another",
    () => writeFileSync(join(data, "JPEGImages", "b.png"), other),
    /split "train": 1 image with other pixels \(b\)/,
  ],
  ["an image less", () => edit(TRAIN, () => "a\nc\n"), /split "train": 1 image missing \(b\)/],
  ["an image more", () => edit(TRAIN, () => "a\nb\nc\nd\n"), /split "train": 1 image added since \(d\)/],
  ["another order", () => edit(TRAIN, () => "c\nb\na\n"), /split "train": the same images in another order/],
];

it.each(changes)("%s is refused, and the run is as it was", async (_, change, message) => {
  const weights = join(run, "student", "weights", "last.safetensors");
  const before = readFileSync(weights);
  change();
  const { code, stderr } = await resume();
  restore();
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(message) });
  expect(stderr).toMatch(/run: the data has changed since this run was started:\n/);
  expect(readFileSync(weights).equals(before)).toBe(true);
});

it("files written anew with the same content are the same data", async () => {
  utimesSync(join(data, "JPEGImages", "a.png"), 1, 1);
  edit("Annotations/a.xml", (xml) => `${xml}\n`);
  expect(await resume()).toMatchObject({ code: 0, stderr: "" });
});

it("a folder that was moved is named with --data, and remembered; another set is refused", async () => {
  const moved = join(root, "moved");
  renameSync(data, moved);
  expect(await resume()).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/data: no such directory/),
  });
  expect(await resume("--data", moved)).toMatchObject({ code: 0, stderr: "" });
  expect(parse(readFileSync(join(run, "recipe.yaml"), "utf8"))).toMatchObject({ data: moved });
  expect(await resume()).toMatchObject({ code: 0, stderr: "" });
  const other = await makeVoc(join(root, "other"), { a: [{}], d: [{}] }, { train: "a\n", val: "d\n" });
  const { code, stderr } = await resume("--data", other);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/2 images missing \(b, c\)/),
  });
  renameSync(moved, data);
  await resume("--data", data);
});

it.each(["{}", "[]", "null", '{"classes": [], "train": [1], "val": []}'])(
  "a damaged record of the data is an error, not a crash: %s",
  async (text) => {
    const file = join(run, "data.json");
    const before = readFileSync(file);
    writeFileSync(file, text);
    const { code, stderr } = await resume();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^qmimic: .*data\.json: cannot be read: /),
    });
    expect(stderr).not.toMatch(/^ +at /m);
    writeFileSync(file, before);
  },
);

it("a run of an earlier version is resumed with a warning, but not on a folder elsewhere", async () => {
  rmSync(join(run, "data.json"));
  const unknown =
    /^qmimic: .*run: the run is from an earlier version, which did not record its data: cannot check that it is unchanged\n$/;
  expect(await resume()).toMatchObject({ code: 0, stderr: expect.stringMatching(unknown) });
  const refused = await resume("--data", kept);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/resume it with the data at its original path/),
  });
});
