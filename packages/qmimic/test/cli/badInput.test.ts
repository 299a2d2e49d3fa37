// Bad input through the real command line: exit code 1, a message that names the file, no stack trace, and nothing
// half-written.
import { existsSync } from "node:fs";
import { cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { createFasterRcnn } from "../../src/models/fasterRcnn.js";
import { saveDetector } from "../../src/train/weights.js";
import { makeVoc, plainImage, put, temporaryFolder, xmlOf } from "../data/temporary.js";
import { smallFasterRcnn } from "../models/smallFasterRcnn.js";
import { filesBelow, type Outcome, qmimic } from "./qmimic.js";

const root = await temporaryFolder();
const weights = join(root, "cat.safetensors");
/** A set without a fault: three images of cats. */
const good = join(root, "good");
const object = { name: "cat", box: [10, 20, 50, 60] };

/** A copy of the good set, broken by `damage`. */
async function broken(name: string, damage: (folder: string) => Promise<unknown>): Promise<string> {
  const folder = join(root, name);
  await cp(good, folder, { recursive: true });
  await damage(folder);
  return folder;
}

const config = smallFasterRcnn(["cat"]);

beforeAll(async () => {
  const objects = { a: [object], b: [object], c: [object] };
  await makeVoc(good, objects, { train: "a\nb\n", val: "c\n" });
  saveDetector(weights, createFasterRcnn(config, createRandom(0)));
});

/** Exit code 1 and one clean message with each of `parts`. */
function expectRefusal({ code, stdout, stderr }: Outcome, ...parts: (string | RegExp)[]): void {
  expect({ code, stdout, stderr }).toMatchObject({ code: 1 });
  for (const part of parts) expect(stderr).toMatch(part);
  expect(stderr + stdout).not.toMatch(/^\s+at .*[:(]\d+/m);
}

const QUICK = ["--side", "64", "--epochs", "1", "--method", "scratch", "--threads", "1"];
/** Trains on `data` and expects that this is refused before anything is written. */
async function refuseTraining(data: string, ...parts: (string | RegExp)[]): Promise<void> {
  const runs = `${data}-runs`;
  const before = filesBelow(data);
  expectRefusal(await qmimic(["train", "--data", data, "--runs", runs, ...QUICK]), ...parts);
  expect(existsSync(runs)).toBe(false);
  expect(filesBelow(data)).toEqual(before);
}

/** The same for `val` and `predict` with `args` in an empty folder. */
async function refuse(args: string[], ...parts: (string | RegExp)[]): Promise<void> {
  const cwd = await temporaryFolder();
  expectRefusal(await qmimic([...args, "--threads", "1"], { cwd }), ...parts);
  expect(filesBelow(cwd)).toEqual([]);
}

describe.concurrent("bad data", () => {
  const image = (folder: string) => join(folder, "JPEGImages", "a.png");
  const annotation = (folder: string) => join(folder, "Annotations", "a.xml");

  it("a truncated JPEG: train, val, predict", async () => {
    const noise = sharp(Buffer.from(Uint8Array.from({ length: 100 * 80 * 3 }, (_, i) => (i * 7919) % 251)), {
      raw: { width: 100, height: 80, channels: 3 },
    });
    const jpeg = await noise.jpeg().toBuffer();
    const cut = jpeg.subarray(0, jpeg.length / 2);
    const folder = await broken("truncated", async (folder) => {
      await put(join(folder, "JPEGImages", "c.jpg"), cut);
      await rm(join(folder, "JPEGImages", "c.png"));
    });
    await refuseTraining(folder, /c\.jpg.*cannot decode the image/);
    const file = join(folder, "JPEGImages", "c.jpg");
    await refuse(
      ["val", weights, "--data", folder, "--json", "numbers.json"],
      /c\.jpg.*cannot decode the image/,
    );
    await refuse(
      ["predict", weights, file, join(good, "JPEGImages")],
      /c\.jpg.*cannot decode the image/,
      /Nothing was written/,
    );
  });

  it("a missing image", async () => {
    const folder = await broken("missing", async (folder) => {
      await put(join(folder, "ImageSets", "Main", "train.txt"), "a\nb\nd\n");
      await put(join(folder, "Annotations", "d.xml"), xmlOf(100, 80, [object]));
    });
    await refuseTraining(folder, /JPEGImages.d\.\*.*is missing/);
    await refuse(["predict", weights, join(folder, "JPEGImages", "d.jpg")], /d\.jpg: no such file/);
  });

  it("an XML entity bomb", async () => {
    const bomb = `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>`;
    const folder = await broken("bomb", (folder) => put(annotation(folder), bomb));
    await refuseTraining(folder, /a\.xml.*document type/);
  });

  it("a box outside the image", async () => {
    const outside = xmlOf(100, 80, [{ box: [10, 20, 150, 60] }]);
    const folder = await broken("outside", (folder) => put(annotation(folder), outside));
    await refuseTraining(folder, /a\.xml.*object 1.*150/);
  });

  it("an inverted box", async () => {
    const inverted = xmlOf(100, 80, [object, { box: [60, 20, 10, 60] }]);
    const folder = await broken("inverted", (folder) => put(annotation(folder), inverted));
    await refuseTraining(folder, /a\.xml.*object 2/);
  });

  it("an unknown class", async () => {
    const dog = xmlOf(100, 80, [{ ...object, name: "cta" }]);
    const folder = await broken("unknown", (folder) => put(join(folder, "Annotations", "c.xml"), dog));
    await refuseTraining(folder, /c\.xml: unknown class "cta".*Did you mean "cat"/);
    await refuse(["val", weights, "--data", folder], /c\.xml: unknown class "cta"/, /--merge cat/);
  });

  it("an empty split", async () => {
    const folder = await broken("empty", (folder) => put(join(folder, "ImageSets", "Main", "val.txt"), "\n"));
    await refuseTraining(folder, /val\.txt: the list is empty/);
  });

  it("a split that is not there", async () => {
    await refuse(
      ["val", weights, "--data", good, "--split", "trian"],
      /no split "trian".*Did you mean "train"/,
    );
  });

  it("an image of 1 x 1 px", async () => {
    const folder = await broken("dot", async (folder) => {
      await put(image(folder), await plainImage(1, 1));
      await put(annotation(folder), xmlOf(1, 1, []));
    });
    await refuseTraining(folder, /a\.png: the image has 1 x 1 px/);
    await refuse(["predict", weights, image(folder)], /a\.png: the image has 1 x 1 px/);
  });

  it("an image of 20000 x 20 px", async () => {
    const folder = await broken("strip", async (folder) => {
      await put(image(folder), await plainImage(20000, 20));
      await put(annotation(folder), xmlOf(20000, 20, []));
    });
    await refuseTraining(folder, /a\.png: the image has 20000 x 20 px, 1000:1/);
  });

  it("an image of 20000 x 20000 px", async () => {
    const folder = await broken("huge", async (folder) => {
      await put(image(folder), hugePng());
      await put(annotation(folder), xmlOf(20000, 20000, []));
    });
    await refuseTraining(folder, /a\.png: the image has 20000 x 20000 = 400000000 pixels/);
    await refuse(["predict", weights, image(folder)], /a\.png: the image has 20000 x 20000/);
  });

  it("data check lists what is wrong", async () => {
    const folder = await broken("checked", (folder) => put(image(folder), "no image"));
    const { code, stdout } = await qmimic(["data", "check", folder]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/1 problem\n.*a\.png: cannot decode the image/);
    expect((await qmimic(["data", "check", good])).code).toBe(0);
  });
});

describe.concurrent("bad weights", () => {
  it("to compare with, that lack a class or are not there", async () => {
    const dogs = join(root, "dogs.safetensors");
    saveDetector(dogs, createFasterRcnn({ ...config, classes: ["dog"] }, createRandom(0)));
    const args = ["val", weights, "--data", good, "--json", "numbers.json", "--compare"];
    await refuse([...args, dogs], /--compare: .*dogs\.safetensors detects dog, not "cat"/);
    const both = join(root, "both.safetensors");
    saveDetector(both, createFasterRcnn({ ...config, classes: ["cat", "dog"] }, createRandom(0)));
    await refuse(
      [...args, both, "--merge", "cat"],
      /--compare: .*both\.safetensors detects cat, dog; --merge/,
    );
    await refuse([...args, join(root, "nowhere")], /nowhere: no such file or directory/);
  });

  it("cut short", async () => {
    const bytes = await readFile(weights);
    const cut = join(root, "cut.safetensors");
    await put(cut, bytes.subarray(0, bytes.length - 1000));
    await refuse(["val", cut, "--data", good], /cut\.safetensors/);
    await refuse(["predict", cut, join(good, "JPEGImages")], /cut\.safetensors/);
  });

  it("of another architecture", async () => {
    // The description says vgg-1-32, the tensors are those of vgg-1-64.
    const text = (await readFile(weights)).toString("latin1");
    const other = join(root, "other.safetensors");
    await put(other, Buffer.from(text.replace("vgg-1-64", "vgg-1-32"), "latin1"));
    await refuse(
      ["val", other, "--data", good],
      /other\.safetensors: tensor ".*" is 1 x 3 x 3 x 3, .*2 x 3 x 3 x 3/,
    );
  });

  it("whose description lacks something", async () => {
    const text = (await readFile(weights)).toString("latin1");
    const lacking = join(root, "lacking.safetensors");
    const renamed = text.replace('\\"headWidth\\"', '\\"headwidth\\"');
    expect(renamed).not.toBe(text);
    await put(lacking, Buffer.from(renamed, "latin1"));
    await refuse(
      ["val", lacking, "--data", good],
      /lacking\.safetensors: invalid detector configuration: headWidth: /,
    );
  });

  it("a teacher of other classes, and of another stride", async () => {
    const folder = await broken("dogs", async (folder) => {
      const dog = xmlOf(100, 80, [{ ...object, name: "dog" }]);
      for (const id of ["a", "b", "c"]) await put(join(folder, "Annotations", `${id}.xml`), dog);
    });
    const train = (data: string, ...more: string[]) => [
      "train",
      "--data",
      data,
      "--teacher",
      weights,
      "--side",
      "96",
      "--output-stride",
      ...more,
    ];
    await refuse(train(folder, "16"), /cat\.safetensors: the teacher's list of classes is \[cat\].*\[dog\]/);
    await refuse(train(good, "8"), /cat\.safetensors: the teacher's output stride is 16.* 8/);
  });

  it("no weights at all", async () => {
    await refuse(["val", "nowhere", "--data", good], /nowhere: no such file/);
    await refuse(["val", good, "--data", good], /good: no weights found/);
  });
});

describe.concurrent("bad commands", () => {
  it("a run folder that cannot be written: a file is in its place", async () => {
    const runs = join(root, "file");
    await put(runs, "a file");
    const outcome = await qmimic(["train", "--data", good, "--runs", runs, ...QUICK]);
    expectRefusal(outcome, /file: not writable: .*file is not a directory/);
    expect(await readFile(runs, "utf8")).toBe("a file");
  });

  it("a folder for the teacher's maps with a file in its place", async () => {
    const cache = join(root, "maps");
    await put(cache, "a file");
    const flags = ["--data", good, "--runs", join(root, "mapless"), ...QUICK, "--method", "mimic"];
    expectRefusal(
      await qmimic(["train", ...flags, "--cache", cache]),
      /maps: not writable: .* is not a directory/,
    );
    const json = join(cache, "scores.json");
    await refuse(["val", weights, "--data", good, "--json", json], /maps/);
  });

  it("a run folder where nothing can be made", async () => {
    const outcome = await qmimic(["train", "--data", good, "--runs", "/proc/qmimic-runs", ...QUICK]);
    expectRefusal(outcome, /\/proc\/qmimic-runs.*cannot create the folder/);
    const named = await qmimic(["train", "--data", good, "--name", "my run", ...QUICK]);
    expectRefusal(named, /name: "my run" is not a folder name/);
    // Before images are decoded, and classes counted.
    expect(named.stdout).toBe("");
    const images = join(good, "JPEGImages");
    await refuse(
      ["predict", weights, images, "--out", "/proc/qmimic"],
      /\/proc\/qmimic.*cannot create the folder/,
    );
  });

  it("a setting, a verb or a value that does not exist", async () => {
    await refuse(["train", "--data", good, "--lamda", "1"], /--lamda/, /Did you mean --lambda/);
    const recipe = join(root, "recipe.yaml");
    await put(recipe, "lamda: 1\n");
    await refuse(
      ["train", recipe, "--data", good],
      /recipe\.yaml: unknown setting "lamda"\. Did you mean "lambda"/,
    );
    await refuse(["train", "--data", good, "--method", "magic"], /method: "magic" is invalid/);
    await refuse(["train", "--data", good, "--roi-samples", "17"], /roi-samples: 17 is invalid.*16/);
    await refuse(["train", "--data", good, "--roi-size", "33"], /roi-size: 33 is invalid.*32/);
    await refuse(["train", "--data", good, "--student", "vgg-1-99"], /unknown network "vgg-1-99"/);
    await refuse(["vla", weights], /unknown command "vla".*Did you mean "val"/);
    await refuse(["benchmark", "nowhere"], /nowhere: no such file/);
    await refuse(
      ["benchmark", weights, "--runs", "0"],
      /--runs <count>' argument '0' is invalid\. Expected an integer from 1 to 1000000\./,
    );
    await refuse(["val", weights, "--data", good, "--device", "cuda:7"], /device "cuda:7"/);
    for (const verb of [["doctor"], ["benchmark", weights, "--runs", "1"]]) {
      const { code, stdout, stderr } = await qmimic(verb, { within: ["env", "QMIMIC_ISA=foo"] });
      expect(code).toBe(1);
      expect(stdout + stderr).toMatch(/QMIMIC_ISA=foo: expected portable, avx2 or avx512/);
      expect(stderr).not.toMatch(/^ +at /m);
    }
    await refuse(["predict", weights, good, "--side", "0480"], /--side.* integer from 32 to 8192/);
    await refuse(["predict", weights, good, "--side", "1e9"], /--side.* integer from 32 to 8192/);
    expectRefusal(
      await qmimic(["train", "--data", good, "--threads", "5000000000"]),
      /threads: 5000000000 is invalid.*1024/,
    );
  });

  it("a run that is none", async () => {
    expectRefusal(
      await qmimic(["train", "--resume", good]),
      /good: not a run folder: it has no recipe\.yaml/,
    );
  });
});

/** 20000 x 20000 black pixels, 1 bit each: a whole PNG of 50 kB. */
function hugePng(): Buffer {
  const side = 20_000;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1; // bits; greyscale
  const rows = deflateSync(Buffer.alloc(side * (1 + side / 8)));
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    crc.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, crc]);
  };
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const end = chunk("IEND", Buffer.alloc(0));
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", rows), end]);
}

/** PNG specification, annex D. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
