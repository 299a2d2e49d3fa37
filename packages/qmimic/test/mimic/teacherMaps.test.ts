// The teacher's stored maps: what a batch gets is what the teacher sees in the image as it was placed.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noGrad, scope, zeros } from "@qmimic/torch";
import { afterAll, describe, expect, test } from "vitest";
import { type Augmentation, NO_AUGMENTATION, sampleAugmentation } from "../../src/data/augment.js";
import { drawImages } from "../../src/data/drawing.js";
import type { ImageStore } from "../../src/data/imageStore.js";
import type { RawImage } from "../../src/data/images.js";
import { createRandom } from "../../src/data/random.js";
import type { Sample } from "../../src/data/types.js";
import { InputError } from "../../src/errors.js";
import { decodeFeatures, encodeFeatures } from "../../src/mimic/dictionary.js";
import { liveMaps } from "../../src/mimic/liveMaps.js";
import { openTeacherMaps } from "../../src/mimic/teacherMaps.js";
import { createFasterRcnn } from "../../src/models/fasterRcnn.js";
import type { Detector, Quantizer } from "../../src/models/index.js";
import { openFiles } from "../data/temporary.js";
import { config, expectClose } from "../models/torchvision.js";

const SIDE = 96;
const STRIDE = 8;
const SCALES = [1, 0.5];

const random = createRandom("pictures");
const picture = (width: number, height: number): RawImage =>
  ({
    width,
    height,
    originalWidth: width,
    originalHeight: height,
    data: Uint8Array.from({ length: 3 * width * height }, () => Math.floor(random() * 256)),
  }) as RawImage;
const images = [picture(96, 64), picture(64, 96), picture(96, 64)];
/** Its layers run on the addon's kernel, whose sums do not depend on the batch: equal images have equal maps. */
const network = "vgg-1-32";
const folder = mkdtempSync(join(tmpdir(), "qmimic-maps-"));
afterAll(() => rmSync(folder, { recursive: true }));
/** A sample whose file has the picture's bytes: the maps' checksum reads it, the store here does not. */
function sampleOf(id: string, { data, width, height }: RawImage): Sample {
  const imagePath = join(folder, id);
  writeFileSync(imagePath, data);
  return { id, imagePath, width, height } as Sample;
}
const samples = images.map((image, i) => sampleOf(String(i), image));
const place = { cache: folder, device: "cpu", teacherScale: 1 };
/** Stored maps do not look at the images. */
const unused = zeros([0]);
const silent = { maps: () => {}, say: () => {} };
const store: ImageStore = { get: async (i) => images[i], prefetch: () => {}, bytes: 0 };

async function mapsOf(quantizer: Quantizer) {
  const teacher = createFasterRcnn({ ...config, backbone: network, quantizer }, createRandom("teacher"));
  let told = 0;
  const said: string[] = [];
  const settings = { ...place, quantizer, side: SIDE, scales: SCALES, flips: [false, true] };
  const report = {
    maps: (done: number) => {
      told = done;
    },
    say: (text: string) => {
      said.push(text);
    },
  };
  const maps = await openTeacherMaps({ teacher, samples, store }, settings, report);
  return { teacher, maps, told, said };
}

const placed = (image: number, changes: Partial<Augmentation>): Augmentation => {
  const { width, height } = images[image];
  const plain = sampleAugmentation(
    () => 0,
    NO_AUGMENTATION,
    { width, height },
    { side: SIDE, gridStride: STRIDE, scaleIndex: 0 },
  );
  return { ...plain, ...changes, scale: plain.scale * SCALES[changes.scaleIndex ?? 0] };
};

/** The teacher's rounded map of one image as it is drawn without being moved, [C, height, width]. */
function seen(teacher: Detector, image: number, augmentation: Augmentation, quantizer: Quantizer) {
  const { scale } = augmentation;
  const padded = (length: number) => Math.ceil((length * scale) / 32) * 32;
  const canvas = { width: padded(images[image].width), height: padded(images[image].height) };
  return scope(() => {
    const drawn = drawImages(
      [images[image]],
      [{ ...augmentation, offsetX: 0, offsetY: 0 }],
      { canvas },
      "cpu",
    );
    const features = noGrad(() => teacher.backbone.forward(drawn));
    const values = decodeFeatures(encodeFeatures(features, quantizer), quantizer).toFloat32();
    return { values, height: canvas.height / STRIDE, width: canvas.width / STRIDE };
  });
}

test.each<[string, Quantizer, string]>([
  ["codes", { kind: "uniform", stride: 0.25 }, "uint8"],
  ["half precision", { kind: "none" }, "float16"],
])(
  "maps as %s are placed with the images' offsets, mirrored and scaled, 0 outside",
  async (_, quantizer, dtype) => {
    const { teacher, maps, told } = await mapsOf(quantizer);
    const channels = teacher.backbone.outChannels;
    expect(maps.channels).toBe(channels);
    expect(told).toBe(images.length * SCALES.length * 2);
    const [height, width] = [10, 13];
    const cases = [
      placed(0, { scaleIndex: 0, flip: false, offsetX: 0, offsetY: 0 }),
      placed(1, { scaleIndex: 0, flip: true, offsetX: 3 * STRIDE, offsetY: -2 * STRIDE }),
      placed(2, { scaleIndex: 1, flip: false, offsetX: 7 * STRIDE, offsetY: 5 * STRIDE }),
      placed(0, { scaleIndex: 0, flip: true, offsetX: -4 * STRIDE, offsetY: 6 * STRIDE }),
      placed(1, { scaleIndex: 1, flip: true, offsetX: 9 * STRIDE, offsetY: -4 * STRIDE }),
    ];
    const indices = [0, 1, 2, 0, 1];
    const stored = maps.batch({ indices, augmentations: cases, images: unused }, height, width);
    expect([stored.dtype, stored.shape]).toEqual([dtype, [5, channels, height, width]]);
    const actual = scope(() => decodeFeatures(stored, quantizer).toFloat32());
    indices.forEach((image, i) => {
      const map = seen(teacher, image, cases[i], quantizer);
      const [dx, dy] = [cases[i].offsetX / STRIDE, cases[i].offsetY / STRIDE];
      const expected = new Float32Array(channels * height * width);
      for (let c = 0; c < channels; c++) {
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const [row, column] = [y - dy, x - dx];
            if (row < 0 || row >= map.height || column < 0 || column >= map.width) continue;
            expected[(c * height + y) * width + x] = map.values[(c * map.height + row) * map.width + column];
          }
        }
      }
      const own = actual.subarray(i * expected.length, (i + 1) * expected.length);
      expect(expected.some((value) => value !== 0)).toBe(true);
      expectClose(own, expected, 1e-6);
    });
    stored.dispose();
    teacher.dispose();
  },
);

test("with a larger input, a cell has the four cells of the teacher's map that it covers as channels", async () => {
  const quantizer: Quantizer = { kind: "uniform", stride: 0.25 };
  const teacher = createFasterRcnn({ ...config, backbone: network, quantizer }, createRandom("teacher"));
  const settings = { ...place, teacherScale: 2, quantizer, side: SIDE, scales: SCALES, flips: [false, true] };
  const maps = await openTeacherMaps({ teacher, samples, store }, settings, silent);
  const channels = teacher.backbone.outChannels;
  expect(maps.channels).toBe(4 * channels);
  const [height, width] = [10, 13];
  const moved = placed(1, { scaleIndex: 1, flip: true, offsetX: 3 * STRIDE, offsetY: -STRIDE });
  const stored = maps.batch({ indices: [1], augmentations: [moved], images: unused }, height, width);
  const actual = scope(() => decodeFeatures(stored, quantizer).toFloat32());
  const map = seen(teacher, 1, { ...moved, scale: 2 * moved.scale }, quantizer);
  let compared = 0;
  actual.forEach((value, i) => {
    const [channel, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    const [c, dy, dx] = [channel >> 2, (channel >> 1) & 1, channel & 1];
    const [row, column] = [2 * (y + 1) + dy, 2 * (x - 3) + dx];
    const inside = row < map.height && column >= 0 && column < map.width;
    const expected = inside ? map.values[(c * map.height + row) * map.width + column] : 0;
    expect(value).toBeCloseTo(expected, 6);
    compared += Number(inside && expected !== 0);
  });
  expect(compared).toBeGreaterThan(100);
  stored.dispose();
  teacher.dispose();
});

test("inside a crop the map is the teacher's of the crop itself, beyond reach of the border that was cut", async () => {
  const quantizer: Quantizer = { kind: "uniform", stride: 0.25 };
  const [whole, side, cut] = [picture(320, 320), 320, 10];
  const teacher = createFasterRcnn({ ...config, backbone: network, quantizer }, createRandom("teacher"));
  const only = [sampleOf("whole", whole)];
  const wholeStore: ImageStore = { get: async () => whole, prefetch: () => {}, bytes: 0 };
  const settings = { ...place, quantizer, side, scales: [1], flips: [true] };
  const maps = await openTeacherMaps({ teacher, samples: only, store: wholeStore }, settings, silent);
  const augmentation: Augmentation = {
    ...sampleAugmentation(() => 0, NO_AUGMENTATION, whole, { side, gridStride: STRIDE, scaleIndex: 0 }),
    flip: true,
    offsetX: -cut * STRIDE,
    offsetY: -cut * STRIDE,
  };
  const cells = side / STRIDE - cut;
  scope(() => {
    const canvas = { width: cells * STRIDE, height: cells * STRIDE };
    const drawn = drawImages([whole], [augmentation], { canvas }, "cpu");
    const own = encodeFeatures(
      noGrad(() => teacher.backbone.forward(drawn)),
      quantizer,
    ).toArray();
    const stored = maps
      .batch({ indices: [0], augmentations: [augmentation], images: drawn }, cells, cells)
      .toArray();
    // The network sees about 70 pixels to each side: 9 cells.
    const inside = (_: unknown, i: number) => i % cells >= 9 && Math.floor(i / cells) % cells >= 9;
    const compared = Array.from(stored as Uint8Array).filter(inside);
    expect(compared).toEqual(Array.from(own as Uint8Array).filter(inside));
    expect(new Set(compared).size).toBeGreaterThan(3);
  });
  teacher.dispose();
});

describe("the file of maps", () => {
  const quantizer: Quantizer = { kind: "uniform", stride: 0.125 };
  const all = (maps: Awaited<ReturnType<typeof mapsOf>>["maps"]) =>
    maps
      .batch(
        {
          indices: [0, 2],
          augmentations: [placed(0, {}), placed(2, { flip: true, scaleIndex: 1 })],
          images: unused,
        },
        12,
        12,
      )
      .toArray();
  /** Of the only file. */
  const path = () => {
    const [name, ...more] = readdirSync(folder).filter((one) => /^teacher-maps-.*bin$/.test(one));
    expect(more).toEqual([]);
    return join(folder, name);
  };

  test("serves the next run without running the teacher", async () => {
    const first = await mapsOf(quantizer);
    const second = await mapsOf(quantizer);
    expect(second.told).toBe(0);
    expect(all(second.maps)).toEqual(all(first.maps));
  });

  const removeFiles = () => {
    for (const name of readdirSync(folder)) if (name.startsWith("teacher-maps")) rmSync(join(folder, name));
  };

  test("cut short is completed, and says so", async () => {
    removeFiles();
    const whole = all((await mapsOf(quantizer)).maps);
    for (const name of [path(), `${path()}.index`]) {
      const bytes = readFileSync(name);
      writeFileSync(name, bytes.subarray(0, bytes.length - 5));
      const again = await mapsOf(quantizer);
      expect(again.said.join()).toMatch(/damaged, maps lost: 1; computing them again/);
      expect(all(again.maps)).toEqual(whole);
    }
  });

  test.each([
    [
      "changed",
      (bytes: Buffer) => bytes.fill(0, bytes.length >> 1),
      /damaged: bytes \d+ to \d+ have the checksum/,
    ],
    ["cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1), /damaged: it ends at byte \d+/],
  ])("%s while it is open: an error that says what helps, which it does", async (_, damage, reason) => {
    removeFiles();
    const { maps } = await mapsOf(quantizer);
    const whole = all(maps);
    writeFileSync(path(), damage(readFileSync(path())));
    expect(() => all(maps)).toThrow(InputError);
    expect(() => all(maps)).toThrow(reason);
    expect(() => all(maps)).toThrow(`Remove the file and use --resume: the maps will be computed again`);
    rmSync(path());
    expect(all((await mapsOf(quantizer)).maps)).toEqual(whole);
  });

  test("of an older format is computed anew", async () => {
    removeFiles();
    const whole = all((await mapsOf(quantizer)).maps);
    writeFileSync(path(), `qmimic-maps-2 ${"0".repeat(64)}\n`);
    const again = await mapsOf(quantizer);
    expect(again.told).toBe(images.length * SCALES.length * 2);
    expect(all(again.maps)).toEqual(whole);
  });

  test("is not another one while images keep their contents", async () => {
    removeFiles();
    await mapsOf(quantizer);
    for (const { imagePath } of samples) writeFileSync(imagePath, readFileSync(imagePath));
    expect((await mapsOf(quantizer)).told).toBe(0);
    const { imagePath } = samples[0];
    const bytes = readFileSync(imagePath);
    writeFileSync(imagePath, Buffer.from(bytes).fill(1, 5, 6));
    expect((await mapsOf(quantizer)).told).toBeGreaterThan(0);
    writeFileSync(imagePath, bytes);
  });

  test("is closed when the maps cannot be computed", async () => {
    removeFiles();
    const before = openFiles(folder);
    const teacher = createFasterRcnn({ ...config, backbone: network, quantizer }, createRandom("teacher"));
    const failing: ImageStore = {
      ...store,
      get: async () => {
        throw new InputError("the image is missing");
      },
    };
    const settings = { ...place, quantizer, side: SIDE, scales: SCALES, flips: [false] };
    await expect(openTeacherMaps({ teacher, samples, store: failing }, settings, silent)).rejects.toThrow(
      "missing",
    );
    expect(openFiles(folder)).toEqual(before);
    teacher.dispose();
  });

  test("is another one for another dictionary", async () => {
    await mapsOf(quantizer);
    expect((await mapsOf({ kind: "uniform", stride: 0.0625 })).told).toBeGreaterThan(0);
  });
});

test("activations beyond the last entry that a byte can hold are said", async () => {
  const { maps, said } = await mapsOf({ kind: "uniform", stride: 0.001 });
  maps.close();
  expect(said).toEqual([
    expect.stringMatching(/^\d+ teacher maps reach 0.255, .* Choose a larger quantizer-stride \(now 0.001\)/),
  ]);
});

test("a teacher that is run in every step gives the stored maps for images without noise", async () => {
  const quantizer: Quantizer = { kind: "uniform", stride: 0.125 };
  const { teacher, maps } = await mapsOf(quantizer);
  const indices = [0, 2];
  const augmentations = [placed(0, { flip: true }), placed(2, {})];
  const canvas = { width: SIDE, height: 64 };
  scope(() => {
    const drawn = {
      indices,
      augmentations,
      images: drawImages([images[0], images[2]], augmentations, { canvas }, "cpu"),
    };
    const [height, width] = [canvas.height / STRIDE, canvas.width / STRIDE];
    const live = liveMaps(teacher, quantizer).batch(drawn, height, width);
    expect([live.dtype, live.shape]).toEqual(["uint8", [2, maps.channels, height, width]]);
    expect(live.toArray()).toEqual(maps.batch(drawn, height, width).toArray());
  });
  maps.close();
  teacher.dispose();
});
