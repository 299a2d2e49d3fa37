import { rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { ReadOptions } from "../../src/data/dataset.js";
import type { Problem } from "../../src/data/types.js";
import { readVoc } from "../../src/data/voc.js";
import { InputError } from "../../src/errors.js";
import { makeVoc, plainImage, put, type TestObject, temporaryFolder, xmlOf } from "./temporary.js";

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await temporaryFolder();
});

function set(
  annotations: Record<string, string | TestObject[]>,
  lists?: Record<string, string>,
): Promise<string> {
  return makeVoc(join(folder, `set${count++}`), annotations, lists);
}

async function failure(root: string, split = "train", options: ReadOptions = {}): Promise<string> {
  const error = await readVoc(root, split, options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

describe("what is read", () => {
  it("boxes as written, labels from sorted classes, difficult, empty images", async () => {
    const root = await set({
      b: [
        { name: "dog", box: [1.5, 2, 30, 40] },
        { name: "cat", extra: "<difficult>1</difficult>" },
      ],
      a: [],
    });
    const { classes, samples } = await readVoc(root, "train");
    expect(classes).toEqual(["cat", "dog"]);
    expect(samples.map(({ id }) => id)).toEqual(["b", "a"]);
    expect([...samples[0].boxes]).toEqual([1.5, 2, 30, 40, 10, 20, 30, 40]);
    expect([...samples[0].labels]).toEqual([2, 1]);
    expect([...samples[0].difficult]).toEqual([0, 1]);
    expect(samples[0]).toMatchObject({
      width: 100,
      height: 80,
      imagePath: join(root, "JPEGImages", "b.png"),
    });
    expect(samples[1].boxes).toHaveLength(0);
  });

  it("boxes up to 1 px beyond the border are clipped", async () => {
    const { samples } = await readVoc(await set({ a: [{ box: [-1, 0, 101, 80.5] }] }), "train");
    expect([...samples[0].boxes]).toEqual([0, 0, 100, 80]);
  });

  it("parts of objects do not count as boxes", async () => {
    const part =
      "<part><name>head</name><bndbox><xmin>-9</xmin><ymin>x</ymin><xmax>1</xmax><ymax>1</ymax></bndbox></part>";
    const { classes, samples } = await readVoc(await set({ a: [{ extra: part + part }] }), "train");
    expect(classes).toEqual(["cat"]);
    expect([...samples[0].boxes]).toEqual([10, 20, 30, 40]);
  });

  it("an object with parts but no box of its own is a problem", async () => {
    const part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>";
    const xml = xmlOf(100, 80, []).replace(
      "</annotation>",
      `<object><name>cat</name>${part}</object></annotation>`,
    );
    expect(await failure(await set({ a: xml }))).toMatch(
      /a\.xml: object 1: "cat" needs exactly one <bndbox>.*found none/,
    );
  });

  it("classes come from train, and lists of one class leave out -1", async () => {
    const root = await set(
      { a: [{ name: "cat" }, { name: "dog" }], b: [{ name: "dog" }], c: [] },
      { train: "a\n", val: "b\r\n\r\n", dog_val: "a  1\nb  0\nc -1\n" },
    );
    const val = await readVoc(root, "val");
    expect(val.classes).toEqual(["cat", "dog"]);
    expect([...val.samples[0].labels]).toEqual([2]);
    expect((await readVoc(root, "dog_val")).samples.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("a blank and a number in a plain list belong to the name", async () => {
    const { samples } = await readVoc(await set({ "photo 1": [], other: [] }), "train");
    expect(samples.map(({ id }) => id)).toEqual(["photo 1", "other"]);
  });

  it("given classes keep their order; others on request; merged to one", async () => {
    const root = await set({ a: [{ name: "cat" }, { name: "dog" }, { name: "emu" }] });
    const options = { classes: ["dog", "cat"], ignoreOthers: true };
    expect([...(await readVoc(root, "train", options)).samples[0].labels]).toEqual([2, 1]);
    const merged = await readVoc(root, "train", { merge: "animal" });
    expect(merged.classes).toEqual(["animal"]);
    expect([...merged.samples[0].labels]).toEqual([1, 1, 1]);
  });

  it("finds jpg, jpeg, webp and upper case", async () => {
    const root = await set({ a: [], b: [], c: [] });
    await rm(join(root, "JPEGImages"), { recursive: true });
    const image = await plainImage(100, 80, "jpeg");
    for (const name of ["a.jpg", "b.JPEG", "c.webp"]) await put(join(root, "JPEGImages", name), image);
    expect((await readVoc(root, "train")).samples).toHaveLength(3);
  });
});

describe("what is refused", () => {
  const object = (box: (number | string)[]): TestObject[] => [{ box }];
  const cases: [string, string | TestObject[], RegExp][] = [
    ["malformed XML", "<annotation><size></annotation>", /a\.xml: malformed XML on line 1/],
    ["an empty file", "", /a\.xml: the file is empty/],
    ["another document", "<html></html>", /a\.xml: expected one <annotation>.*<html>/],
    [
      "an entity bomb",
      `<!DOCTYPE a [<!ENTITY a "xx"><!ENTITY b "&a;&a;">]>${xmlOf(100, 80, [{ name: "&b;" }])}`,
      /a\.xml: .*<!DOCTYPE.*not allowed/,
    ],
    [
      "a huge file",
      `${xmlOf(100, 80, [])}${" ".repeat(10_000_001)}`,
      /a\.xml: cannot read the file: it has 10000\d+ bytes/,
    ],
    ["a size of zero on one side", xmlOf(0, 80, []), /a\.xml: <size> is 0 x 80/],
    ["a size in words", xmlOf(0, 0, []).replace(">0<", ">wide<"), /<size> is wide x 0/],
    [
      "a size that is not the image's",
      xmlOf(120, 80, []),
      /a\.png: the image has 100 x 80 px.*a\.xml states 120 x 80/,
    ],
    ["a size with swapped sides", xmlOf(80, 100, []), /states 80 x 100\. The sides are swapped.*EXIF/],
    ["a box outside", object([10, 20, 102, 40]), /xmax 102.*outside the image of 100 x 80 px/],
    ["a negative box", object([-2, 20, 30, 40]), /xmin -2.*outside the image/],
    ["an inverted box", object([30, 20, 10, 40]), /xmin 30.*xmax 10.*inverted/],
    ["a box without width", object([10, 20, 10, 40]), /no area/],
    ["a box left without area by clipping", object([100, 20, 101, 40]), /no area/],
    ["text as coordinate", object(["ten", 20, 30, 40]), /"cat" has <xmin> "ten"; expected a number/],
    ["NaN as coordinate", object(["NaN", 20, 30, 40]), /<xmin> "NaN"/],
    ["hexadecimal as coordinate", object(["0x10", 20, 30, 40]), /<xmin> "0x10"/],
    ["an empty coordinate", object(["", 20, 30, 40]), /<xmin> ""/],
    [
      "difficult: maybe",
      [{ extra: "<difficult>maybe</difficult>" }],
      /<difficult> is "maybe"; expected 0 or 1/,
    ],
    ["an object without a name", [{ name: "" }], /expected one <name>/],
    ["two names", [{ extra: "<name>dog</name>" }], /expected one <name>.*2 of them/],
    ["an empty object", xmlOf(100, 80, []).replace("</ann", "<object/></ann"), /<object> is empty/],
  ];
  it.each(cases)("%s", async (_, content, message) => {
    expect(await failure(await set({ a: content }))).toMatch(message);
  });

  it("an unknown class, naming the nearest", async () => {
    const root = await set({ a: [{ name: "hrose" }] });
    const message = await failure(root, "train", { classes: ["cat", "horse"] });
    expect(message).toMatch(
      /a\.xml: unknown class "hrose"; expected one of cat, horse\. Did you mean "horse"\?/,
    );
  });

  it("a missing annotation and a missing image", async () => {
    const root = await set({ a: [], b: [] });
    await rm(join(root, "Annotations", "a.xml"));
    await rm(join(root, "JPEGImages", "b.png"));
    const message = await failure(root);
    expect(message).toMatch(/2 problems/);
    expect(message).toMatch(/a\.xml: the annotation is missing/);
    expect(message).toMatch(/JPEGImages.b\.\*: the image of .*b\.xml is missing/);
  });

  it("a damaged image", async () => {
    const root = await set({ a: [] });
    await put(join(root, "JPEGImages", "a.png"), "not a picture");
    expect(await failure(root)).toMatch(/a\.png: cannot decode the image/);
  });

  it("a split that does not exist, listing those that do", async () => {
    const root = await set({ a: [] }, { train: "a", val: "a" });
    expect(await failure(root, "vall")).toMatch(/no split "vall".*Found: train, val\. Did you mean "val"\?/);
    expect(await failure(root, "../Main/train")).toMatch(/no split "\.\.\/Main\/train"/);
    expect(await failure(join(root, "nowhere"))).toMatch(/nowhere: no such directory/);
  });

  it("an empty split, repeated ids and ids that leave the folder", async () => {
    expect(await failure(await set({}, { train: "\n \n" }))).toMatch(/train\.txt: the list is empty/);
    const root = await set({ a: [] }, { train: "a\n../../etc/passwd\nsub\\b\nx..y\na\n" });
    const message = await failure(root);
    expect(message).toMatch(/line 2: the id "\.\.\/\.\.\/etc\/passwd" contains a path separator/);
    expect(message).toMatch(/line 3: .* contains a path separator/);
    expect(message).toMatch(/line 4: .* contains "\.\."/);
    expect(message).toMatch(/line 5: the id "a" is already on line 1/);
  });

  it("shows 20 problems and counts the rest", async () => {
    const message = await failure(
      await set({ a: Array.from({ length: 25 }, () => ({ box: [5, 5, 1, 1] })) }),
    );
    expect(message.split("\n")).toHaveLength(22);
    expect(message).toMatch(/: 25 problems/);
    expect(message).toMatch(/and 5 more$/);
  });

  it("onProblem gets everything, and the good part is returned", async () => {
    const root = await set({ a: [{ box: [5, 5, 1, 1] }, {}], b: "<x/>" });
    const problems: Problem[] = [];
    const { samples } = await readVoc(root, "train", { onProblem: (problem) => problems.push(problem) });
    expect(problems.map(({ file }) => file).sort()).toEqual(
      ["a", "b"].map((id) => join(root, "Annotations", `${id}.xml`)),
    );
    expect(samples.map(({ id, labels }) => [id, labels.length])).toEqual([["a", 1]]);
  });
});
