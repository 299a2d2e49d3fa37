// Integers of eight bits find what floats find, nearly.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Model, parseModel, type RawImage } from "@qmimic/runtime";
import { setThreads } from "@qmimic/torch";
import { describe, expect, test } from "vitest";
import { fixedPlacement } from "../../../src/data/fixedInput.js";
import { createRandom } from "../../../src/data/random.js";
import { detectSamples, scoreDetections } from "../../../src/eval/detect.js";
import { cFilesOf } from "../../../src/export/c/cFiles.js";
import { lowerInt8 } from "../../../src/export/c/int8.js";
import { decoderInputs } from "../../../src/export/c/outputs.js";
import {
  compileProgram,
  detectCompiled,
  has,
  pictureBytes,
  writeProgram,
} from "../../../src/export/c/program.js";
import { planSteps } from "../../../src/export/c/steps.js";
import { valueRanges } from "../../../src/export/calibrate.js";
import { modelFile } from "../../../src/export/modelFile.js";
import { createDetector } from "../../../src/models/index.js";
import { detectorConfig } from "../../../src/train/networks.js";
import { parseRecipe } from "../../../src/train/recipe.js";
import { openSplits } from "../../../src/train/splits.js";
import { trainDetector } from "../../../src/train/trainer.js";
import { loadDetector } from "../../../src/train/weights.js";
import { makeShapes, SHAPES_SIDE } from "../../data/shapes.js";
import { temporaryFolder } from "../../data/temporary.js";
import { CHECKED } from "./compilers.js";
import { CANVAS, KINDS_OF_MODELS, modelOf, PICTURES } from "./detectors.js";
import { mapsOf } from "./reference.js";

setThreads(1);
const root = await temporaryFolder();

describe.skipIf(!has("gcc"))("int8 (skipped where there is no gcc)", () => {
  test("of a trained detector has the AP of floats", async () => {
    const data = await makeShapes(join(root, "shapes"), { train: 24, val: 24 });
    const recipe = parseRecipe(
      {
        ...{ data, detector: "fcos", student: "vgg-1-32", neck: "detail", "output-stride": 8 },
        ...{
          side: SHAPES_SIDE,
          threads: 1,
          method: "scratch",
          batch: 4,
          scales: [1],
          lr: 0.008,
          warmup: 0.5,
        },
        "eval-every": 100,
      },
      "test",
    );
    const splits = await openSplits(recipe);
    const detector = createDetector(
      detectorConfig(recipe, recipe.student, splits.train),
      createRandom("int8"),
    );
    const training = { detector, recipe, epochs: 30, lr: recipe.lr, lrSetting: "lr", ...splits };
    const report = { step: () => {}, epoch: () => {} };
    const { bestPath } = await trainDetector({ ...training, folder: join(root, "run"), report });
    detector.dispose();

    const trained = loadDetector(bestPath);
    const model = parseModel(modelFile(trained, [0, 0], "float32"));
    trained.dispose();
    const { dataset, store } = splits.val;
    const calibration = await Promise.all([0, 1, 2, 3].map((i) => splits.train.store.get(i)));
    const averagePrecision = async (format: "float32" | "int8") => {
      const folder = join(root, format);
      const size = { width: SHAPES_SIDE, height: SHAPES_SIDE };
      compileProgram(folder, cFilesOf(model, { format, ...size, calibration }).files, ["gcc", ...CHECKED]);
      const detect = detectCompiled(folder, model.classes);
      return scoreDetections(dataset, await detectSamples(detect, dataset.samples, store)).mAP;
    };
    const floats = await averagePrecision("float32");
    const integers = await averagePrecision("int8");
    expect(floats).toBeGreaterThan(0.5);
    expect(Math.abs(integers - floats)).toBeLessThan(0.02);
  });

  test.each(KINDS_OF_MODELS)("maps are those of floats, nearly: %s", (name) => {
    const folder = join(root, name);
    const model = modelOf(name);
    // Next to the middle between two entries of a dictionary a small error becomes a whole step.
    const tolerance = model.operations.some(({ op }) => op.startsWith("round")) ? 0.2 : 0.08;
    const { kept } = decoderInputs(model);
    const calibration = PICTURES.slice(0, 5);
    const { mapOf } = planSteps(model, CANVAS.width, CANVAS.height, kept);
    const maps = kept.map((value) => mapOf.get(value));
    const files = cFilesOf(model, { format: "int8", ...CANVAS, calibration }).files;
    writeProgram(folder, { ...files, "main.c": MAPS_MAIN });
    writeFileSync(join(folder, "pictures.bin"), pictureBytes(calibration));
    const flags = [...CHECKED, "-Wno-unused-function", `-DMAPS=${maps.join()}`];
    execFileSync("gcc", [...flags, "main.c", "-o", "program", "-lm"], { cwd: folder, stdio: "pipe" });
    const printed = execFileSync("./program", { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 28 });
    const numbers = printed.trim().split("\n").map(Number);
    let at = 0;
    for (const picture of calibration)
      for (const { data } of mapsOf(model, CANVAS, picture, kept)) {
        const mine = numbers.slice(at, at + data.length);
        at += data.length;
        const power = (values: ArrayLike<number>) =>
          Math.sqrt(Array.from(values).reduce((sum, value) => sum + value ** 2, 0) / values.length);
        expect(power(mine.map((value, i) => value - data[i]))).toBeLessThan(tolerance * power(data));
      }
    expect(at).toBe(numbers.length);
  });
});

describe("the resolution of maps", () => {
  const pictures = PICTURES.slice(0, 2);
  const place = (picture: RawImage) => fixedPlacement(picture, CANVAS);
  const scalesOf = (model: Model): number[] => {
    const { kept, regionOperations } = decoderInputs(model);
    const program = planSteps(model, CANVAS.width, CANVAS.height, kept);
    const values = program.maps.map(({ value }) => value).filter((value) => value > 0);
    return lowerInt8(model, program, regionOperations, valueRanges(model, place, values, pictures)).maps.map(
      ({ scale }) => scale,
    );
  };

  test.each([
    ["separable", "always 0", -1],
    ["separable", "nearly 0", 1e-5],
    ["in groups", "always 0", -1],
  ])("layers %s: huge weights of an input that is %s do not matter", (kind, _, bias) => {
    const model = modelOf(KINDS_OF_MODELS.find((name) => name.includes(kind))!);
    const { operations, parameters } = model;
    const widest = Math.max(
      ...operations.map((operation) => (operation.op === "conv" ? operation.channels : 0)),
    );
    const index = operations.findIndex(
      (operation) => operation.op === "conv" && operation.groups > 1 && operation.channels === widest,
    );
    const before = parameters.slice(0, index).findLast((layer) => layer !== undefined)!;
    const { weights, biases } = parameters[index]!;
    before.weights.fill(0, 0, before.weights.length / before.biases.length);
    before.biases[0] = bias;
    const normal = scalesOf(model);
    // The first input of all output channels of its group.
    const { groups } = operations[index] as { groups: number };
    for (let o = 0; o < widest / groups; o++)
      for (let cell = 0; cell < 9; cell++) weights[(o * weights.length) / biases.length + cell] *= 1000;
    scalesOf(model).forEach((scale, map) => {
      expect(scale / normal[map]).toBeCloseTo(1, 1);
    });
  });
});

const MAPS_MAIN = `#include "detector.c"
#include <stdio.h>
int main(void)
{
  static const int kept[] = {MAPS};
  static uint8_t rgb[3 * 317 * 211];
  FILE *file = fopen("pictures.bin", "rb");
  int32_t size[2];
  size_t i;
  int c, y, x;
  while (file != NULL && fread(size, sizeof size, 1, file) == 1) {
    if (fread(rgb, 3, (size_t)(size[0] * size[1]), file) == 0) return 1;
    place_picture(rgb, size[0], size[1], 3 * size[0]);
    run_network();
    for (i = 0; i < sizeof kept / sizeof *kept; i++) {
      const struct map *map = &maps[kept[i]];
      for (c = 0; c < map->channels; c++)
        for (y = 0; y < map->height; y++)
          for (x = 0; x < map->width; x++)
            printf("%.9g\\n", (double)value_at(map, row_of(map, y), x * map->channels + c));
    }
  }
  fclose(file);
  return 0;
}
`;
