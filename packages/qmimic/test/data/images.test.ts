import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { createImageStore } from "../../src/data/imageStore.js";
import { decodeImage, readImageSize, scaleBoxes } from "../../src/data/images.js";
import type { Sample } from "../../src/data/types.js";
import { InputError } from "../../src/errors.js";
import { openFiles, plainImage, put, temporaryFolder } from "./temporary.js";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

async function file(name: string, data: Uint8Array | Promise<Uint8Array>): Promise<string> {
  const path = join(folder, name);
  await put(path, await data);
  return path;
}

/** 6 x 4, the left half red and the right half blue. */
function halves(): Sharp {
  const data = Buffer.alloc(6 * 4 * 3);
  for (let i = 0; i < 24; i++) data[i * 3 + (i % 6 < 3 ? 0 : 2)] = 255;
  return sharp(data, { raw: { width: 6, height: 4, channels: 3 } });
}

describe("decodeImage", () => {
  it("gives RGB rows", async () => {
    const image = await decodeImage(await file("halves.png", halves().png().toBuffer()));
    expect(image).toMatchObject({ width: 6, height: 4, originalWidth: 6, originalHeight: 4 });
    expect(image.data).toHaveLength(72);
    expect([...image.data.subarray(0, 3), ...image.data.subarray(15, 18)]).toEqual([255, 0, 0, 0, 0, 255]);
  });

  it("applies the EXIF orientation, also when reducing", async () => {
    // Orientation 6: the stored left edge is shown on top.
    const path = await file("turned.png", halves().withMetadata({ orientation: 6 }).png().toBuffer());
    const image = await decodeImage(path);
    expect([image.width, image.height]).toEqual([4, 6]);
    expect([...image.data.subarray(0, 3), ...image.data.subarray(-3)]).toEqual([255, 0, 0, 0, 0, 255]);
    expect(await readImageSize(path)).toEqual({ width: 4, height: 6 });
    const small = await decodeImage(path, { maxSide: 3 });
    expect(small).toMatchObject({ width: 2, height: 3, originalWidth: 4, originalHeight: 6 });
  });

  it("lays transparency over black", async () => {
    const clear = sharp({
      create: { width: 2, height: 2, channels: 4, background: { r: 255, g: 255, b: 255, alpha: 0 } },
    });
    const { data } = await decodeImage(await file("clear.png", clear.png().toBuffer()));
    expect([...data]).toEqual(new Array(12).fill(0));
  });

  it("turns greyscale, grey with alpha, 16 bit and CMYK into 8-bit RGB", async () => {
    const grey = (channels: 1 | 2): Sharp =>
      sharp(Buffer.alloc(9 * channels, 255).fill(128, 0, channels === 1 ? 9 : 0), {
        raw: { width: 3, height: 3, channels },
      });
    const images = {
      "grey.png": grey(1).toColourspace("b-w").png(),
      "grey.jpg": grey(1).toColourspace("b-w").jpeg(),
      "greyAlpha.png": grey(2).toColourspace("b-w").png(),
      "deep.png": sharp(
        Uint16Array.from({ length: 27 }, () => 32896),
        { raw: { width: 3, height: 3, channels: 3 } },
      )
        .toColourspace("rgb16")
        .png(),
      "deepGrey.png": grey(1).toColourspace("grey16").png(),
      "cmyk.jpg": sharp(await plainImage(3, 3))
        .toColourspace("cmyk")
        .jpeg(),
    };
    for (const [name, image] of Object.entries(images)) {
      const decoded = await decodeImage(await file(name, image.toBuffer()));
      expect(decoded.data, name).toHaveLength(27);
      if (/^(grey|deepGrey)\./.test(name)) expect(decoded.data[0], name).toBe(128);
      if (name === "deep.png") expect(decoded.data[0], name).toBe(128);
    }
  });

  it("reduces to maxSide, never enlarges, keeps 1 x 1", async () => {
    const path = await file("wide.png", plainImage(300, 100));
    expect(await decodeImage(path, { maxSide: 150 })).toMatchObject({ width: 150, height: 50 });
    expect(await decodeImage(path, { maxSide: 1000 })).toMatchObject({ width: 300, height: 100 });
    expect(await decodeImage(await file("dot.png", plainImage(1, 1)), { maxSide: 10 })).toMatchObject({
      width: 1,
      height: 1,
    });
    expect(await decodeImage(await file("thin.png", plainImage(500, 1)), { maxSide: 50 })).toMatchObject({
      width: 50,
      height: 1,
    });
    const image = await decodeImage(path, { maxSide: 150 });
    expect([...scaleBoxes(Float32Array.of(10, 20, 30, 40), image)]).toEqual([5, 10, 15, 20]);
  });

  it("refuses truncated, foreign, missing and oversized files, naming them", async () => {
    const noise = Uint8Array.from({ length: 200 * 200 * 3 }, (_, i) => (i * 7919) % 251);
    const whole = await sharp(noise, { raw: { width: 200, height: 200, channels: 3 } })
      .jpeg()
      .toBuffer();
    const cases: [string, RegExp][] = [
      [await file("cut.jpg", whole.subarray(0, whole.length / 2)), /cut\.jpg: cannot decode the image/],
      [await file("text.jpg", Buffer.from("hello")), /text\.jpg: cannot decode the image/],
      [await file("empty.png", Buffer.alloc(0)), /empty\.png: cannot decode the image/],
      [join(folder, "none.jpg"), /none\.jpg: the image is missing/],
    ];
    for (const [path, message] of cases) {
      const error = await decodeImage(path).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(message);
    }
    // 20000 x 20000 pixels of one colour are a small file and 1.2 GB of memory.
    const bomb = await file("bomb.png", pngHeader(20_000, 20_000));
    await expect(decodeImage(bomb)).rejects.toThrow(
      /bomb\.png: the image has 20000 x 20000 = 400000000 pixels; the limit is 100000000/,
    );
  });
});

it.runIf(process.platform === "linux")("a file that opens but cannot be read is closed", async () => {
  const path = "/proc/self/mem";
  await expect(decodeImage(path)).rejects.toThrow(/mem: cannot decode the image/);
  expect(openFiles(`/proc/${process.pid}/mem`)).toEqual([]);
});

/** The start of a PNG: enough for whoever trusts its size. */
function pngHeader(width: number, height: number): Buffer {
  const chunk = Buffer.alloc(13);
  chunk.writeUInt32BE(width, 0);
  chunk.writeUInt32BE(height, 4);
  chunk.set([8, 2, 0, 0, 0], 8);
  const body = Buffer.concat([Buffer.from("IHDR"), chunk]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(13);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  const data = Buffer.concat([
    length,
    body,
    sum,
    Buffer.from([0, 0, 0, 0]),
    Buffer.from("IDAT"),
    Buffer.alloc(4),
  ]);
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), data]);
}

function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe("createImageStore", () => {
  async function samples(count: number): Promise<Sample[]> {
    const imagePath = await file("stored.png", plainImage(20, 10));
    const nothing = { boxes: new Float32Array(), labels: new Int32Array(), difficult: new Uint8Array() };
    return Array.from({ length: count }, (_, i) => ({
      id: `s${i}`,
      imagePath,
      width: 20,
      height: 10,
      ...nothing,
    }));
  }

  it("keeps images up to the budget and decodes the others again", async () => {
    const store = createImageStore(await samples(4), { memoryBudgetBytes: 1300 });
    const first = await Promise.all([0, 1, 2, 3].map((i) => store.get(i)));
    expect(store.bytes).toBe(1200);
    const again = await Promise.all([0, 1, 2, 3].map((i) => store.get(i)));
    expect(again.filter((image, i) => image === first[i])).toHaveLength(2);
  });

  it("prefetches, also more than may wait, and what nobody asks for blocks nothing", async () => {
    const store = createImageStore(await samples(30), { memoryBudgetBytes: 0, maxWaiting: 3, inFlight: 2 });
    store.prefetch(Array.from({ length: 30 }, (_, i) => i));
    for (const index of [29, 5, 0, 1, 2, 3, 17, 17]) expect((await store.get(index)).width).toBe(20);
    expect(store.bytes).toBe(0);
  });

  it("gives the failure of a prefetched image to its get", async () => {
    const [good, bad] = await samples(2);
    const store = createImageStore([good, { ...bad, height: 11 }, { ...bad, imagePath: "/nowhere.png" }]);
    store.prefetch([0, 1, 2]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(store.get(1)).rejects.toThrow(/stored\.png: the image has 20 x 10 px.*"s1" states 20 x 11/);
    await expect(store.get(2)).rejects.toThrow(InputError);
    expect((await store.get(0)).width).toBe(20);
  });
});
