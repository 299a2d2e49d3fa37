// Every file reader, with valid files to damage. A reader may accept a damaged file if its content is valid, or reject
// it with an InputError or a reported problem.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { built, must, refuses, sharp } from "./accepts.mjs";
import { LABEL_READERS } from "./labelReaders.mjs";
import { mutateBytes, mutateText, pick } from "./mutate.mjs";

async function demo(folder) {
  const { generateDemo } = await built("qmimic/dist/index");
  const data = join(folder, "data");
  await generateDemo(data, { train: 2, val: 1, test: 1, side: 96 });
  return data;
}

const files = (folder) => readdirSync(folder).map((name) => readFileSync(join(folder, name)));

/**
 * Each reader prepares a folder and returns a function that reads one damaged file and returns whether it was accepted.
 */
export const READERS = {
  ...LABEL_READERS,

  async recipe() {
    const { formatRecipe, InputError, parseRecipe } = await built("qmimic/dist/index");
    const { readSettings } = await built("qmimic/dist/train/runFolder");
    const text = formatRecipe(parseRecipe({ data: "x" }, "x"));
    return async (random) => {
      let recipe;
      const read = () => {
        recipe = parseRecipe(readSettings(mutateText(text, random), "r.yaml"), "r.yaml");
      };
      if (await refuses(read, [InputError])) return false;
      for (const [key, value] of Object.entries(recipe)) {
        for (const item of [value].flat()) {
          must(typeof item !== "number" || key === "seed" || Math.abs(item) < 2 ** 25, `${key} ${item}`);
        }
      }
      return true;
    };
  },

  async image(folder) {
    const { decodeImage, InputError } = await built("qmimic/dist/index");
    const [jpeg] = files(join(await demo(folder), "JPEGImages"));
    const small = sharp(jpeg).resize(64);
    const kinds = [small.clone().png(), small.clone().webp(), small.clone().gif(), small.clone().tiff()];
    const images = [jpeg, ...(await Promise.all(kinds.map((kind) => kind.toBuffer())))];
    const path = join(folder, "image");
    return async (random) => {
      writeFileSync(path, mutateBytes(pick(random, images), random));
      let image;
      const read = async () => {
        image = await decodeImage(path, { maxSide: 80 });
      };
      if (await refuses(read, [InputError])) return false;
      const { data, width, height } = image;
      must(Math.max(width, height) <= 80 && data.length === 3 * width * height, `${width} x ${height}`);
      return true;
    };
  },

  async safetensors() {
    const { parseSafetensors, SafetensorsError, serializeSafetensors } = await built("torch/dist/index");
    const tensors = new Map([
      ["a", { dtype: "F32", shape: [50, 20], data: new Float32Array(1000) }],
      ["b", { dtype: "U8", shape: [5], data: new Uint8Array(5) }],
    ]);
    const whole = Buffer.from(serializeSafetensors(tensors, { format: "x" }));
    return async (random) => {
      let read;
      const parse = () => {
        read = parseSafetensors(mutateBytes(whole, random), "f");
      };
      if (await refuses(parse, [SafetensorsError])) return false;
      for (const { shape, data } of read.tensors.values()) {
        must(shape.reduce((product, side) => product * side, 1) === data.length, `shape ${shape}`);
      }
      return true;
    };
  },

  async weights(folder) {
    const { createDetector, detectImages, InputError, loadDetector, parseConfig, saveDetector } =
      await built("qmimic/dist/index");
    const { readSafetensors, setThreads, writeSafetensors } = await built("torch/dist/index");
    const { createRandom } = await built("qmimic/dist/data/random");
    setThreads(1);
    const sound = join(folder, "sound.safetensors");
    const path = join(folder, "weights.safetensors");
    const config = parseConfig({
      ...{ detector: "faster-rcnn", backbone: "vgg-1-64", outputStride: 8, neck: "detail", side: 64 },
      ...{ classes: ["a", "b"], quantizer: { kind: "uniform", stride: 0.2 }, anchorSizes: [16, 32] },
      ...{ aspectRatios: [1], headWidth: 16, roiSize: 3, roiSamples: 1, rpnPreNms: 50, rpnPostNms: 10 },
      ...{ rpnNms: 0.7, boxScore: 0.01, boxNms: 0.5, boxDetections: 10 },
    });
    const made = createDetector(config, createRandom("1"));
    saveDetector(sound, made);
    made.dispose();
    const bytes = readFileSync(sound);
    const { metadata, tensors } = readSafetensors(sound);
    const size = { width: 64, height: 48, originalWidth: 640, originalHeight: 480 };
    const image = { data: new Uint8Array(3 * 64 * 48).map((_, i) => (i * 7919) % 256), ...size };
    const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, 3.4e38, -3.4e38, 1e-45, 0, 1e20];
    return async (random) => {
      const damage = random();
      if (damage < 0.3) writeFileSync(path, mutateBytes(bytes, random));
      else if (damage < 0.7) {
        writeSafetensors(path, tensors, { ...metadata, config: mutateText(metadata.config, random) });
      } else {
        const changed = new Map(
          [...tensors].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]),
        );
        pick(random, [...changed.values()]).data.fill(pick(random, SPECIAL));
        writeSafetensors(path, changed, metadata);
      }
      let detector;
      const load = () => {
        detector = loadDetector(path);
      };
      if (await refuses(load, [InputError])) return false;
      let found;
      const detect = () => {
        [found] = detectImages(detector, [image]);
      };
      // Finite weights can overflow, which is also rejected.
      const overflowed = await refuses(detect, [InputError]);
      detector.dispose();
      if (overflowed) return false;
      must([...found.boxes, ...found.scores].every(Number.isFinite), "detections that are not finite");
      return true;
    };
  },

  async model() {
    const { createDetector, parseConfig } = await built("qmimic/dist/index");
    const { modelFile } = await built("qmimic/dist/export/modelFile");
    const { createRandom } = await built("qmimic/dist/data/random");
    const { Detector, ModelError } = await built("runtime/dist/index");
    const shared = { outputStride: 8, neck: "detail", side: 64, classes: ["a", "b"] };
    const cells = { detector: "fcos", towerDepth: 1, towerWidth: 8, towerKind: "plain", preNms: 100 };
    const kept = { boxScore: 0.01, boxNms: 0.5, boxDetections: 10 };
    const config = parseConfig({
      ...{ ...shared, ...cells, ...kept, backbone: "vgg-1-64", quantizer: { kind: "none" } },
    });
    const detector = createDetector(config, createRandom("1"));
    const picture = {
      width: 64,
      height: 48,
      data: new Uint8Array(4 * 64 * 48).map((_, i) => (i * 7919) % 256),
    };
    // With rounded maps, too.
    const files = [
      ["float32", []],
      ["int8", []],
      ["int8", [{ ...picture, data: picture.data.filter((_, i) => i % 4 < 3) }]],
    ];
    const whole = files.map(([kind, pictures]) =>
      Buffer.from(modelFile(detector, undefined, kind, pictures)),
    );
    return async (random) => {
      const file = pick(random, whole);
      // Half of the time, damage the JSON header so that its numbers change.
      const length = Number(file.readBigUInt64LE(0));
      let damaged = mutateBytes(file, random);
      if (random() < 0.5) {
        const header = Buffer.from(mutateText(file.toString("utf8", 8, 8 + length), random));
        const size = Buffer.alloc(8);
        size.writeBigUInt64LE(BigInt(header.length));
        damaged = Buffer.concat([size, header, file.subarray(8 + length)]);
      }
      let found;
      const run = async () => {
        const backend = random() < 0.1 ? "typescript" : "wasm";
        const loaded = await Detector.load(new Uint8Array(damaged), { backend });
        found = loaded.detect(picture, { threshold: 0 });
      };
      if (await refuses(run, [ModelError])) return false;
      for (const { score, box } of found)
        must([score, ...Object.values(box)].every(Number.isFinite), "detections that are not finite");
      return true;
    };
  },

  async cocoResults(folder) {
    const { readCoco } = await built("qmimic/dist/eval/readers/cocoJson");
    const { InputError } = await built("qmimic/dist/index");
    const box = { image_id: 1, category_id: 2, bbox: [1, 2, 30, 40] };
    const sound = [
      { images: [{ id: 1 }], categories: [{ id: 2, name: "cat" }], annotations: [{ ...box, iscrowd: 0 }] },
      [{ ...box, score: 0.5 }],
    ].map((value) => JSON.stringify(value));
    const paths = ["truth.json", "found.json"].map((name) => join(folder, name));
    return async (random) => {
      const damaged = random() < 0.5 ? 0 : 1;
      sound.forEach((text, i) => {
        writeFileSync(paths[i], i === damaged ? mutateText(text, random) : text);
      });
      return !(await refuses(() => readCoco(...paths), [InputError]));
    };
  },

  async matFile() {
    const { parseMat } = await built("qmimic/dist/eval/readers/matFile");
    const element = (type, data) => {
      const padded = Buffer.alloc(8 + 8 * Math.ceil(data.length / 8));
      padded.writeUInt32LE(type, 0);
      padded.writeUInt32LE(data.length, 4);
      data.copy(padded, 8);
      return padded;
    };
    const words = (...values) => Buffer.from(Uint32Array.from(values).buffer);
    const numbers = Buffer.from(Float64Array.of(1, 2, 3, 4).buffer);
    const parts = [element(6, words(6, 0)), element(5, words(1, 4)), element(1, Buffer.from("x"))];
    const matrix = element(14, Buffer.concat([...parts, element(9, numbers)]));
    const packed = deflateSync(matrix);
    const header = Buffer.alloc(128, " ");
    header.write("IM", 126);
    const whole = Buffer.concat([header, matrix, words(15, packed.length), packed]);
    must(parseMat(whole).get("x").numbers.length === 4, "wrong content of the undamaged file");
    return async (random) => !(await refuses(() => parseMat(mutateBytes(whole, random)), [Error]));
  },
};
