// Generated C finds what the runtime finds: every kind of detector, on pictures of any size, under the sanitizers.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setThreads } from "@qmimic/torch";
import { describe, expect, test } from "vitest";
import { cFilesOf } from "../../../src/export/c/cFiles.js";
import { compileProgram, has, runProgram, writeProgram } from "../../../src/export/c/program.js";
import { temporaryFolder } from "../../data/temporary.js";
import { expectSame } from "../same.js";
import { CHECKED, STRICT } from "./compilers.js";
import { CANVAS, KINDS_OF_MODELS, modelOf, PICTURES } from "./detectors.js";
import { detectFixed, mapsOf } from "./reference.js";

setThreads(1);
const root = await temporaryFolder();
const options = { format: "float32", ...CANVAS } as const;
const [CELLS] = KINDS_OF_MODELS;

describe.skipIf(!has("gcc"))("generated C (skipped where there is no gcc)", () => {
  test.each(KINDS_OF_MODELS)("finds what the runtime finds: %s", (name) => {
    const folder = join(root, name);
    const model = modelOf(name);
    compileProgram(folder, cFilesOf(model, options).files, ["gcc", ...CHECKED]);
    const found = runProgram(folder, PICTURES, model.classes);
    let count = 0;
    PICTURES.forEach((picture, i) => {
      const expected = detectFixed(model, CANVAS, picture);
      expectSame(found[i], expected, `${picture.width} x ${picture.height}`);
      count += expected.length;
    });
    expect(count).toBeGreaterThan(50);
  });

  test("operations may stand anywhere: exp before a pooling with padding", () => {
    const folder = join(root, "exp");
    const model = modelOf(CELLS);
    const [logits, distances] = model.outputs;
    const pooled = {
      ...model,
      operations: [
        ...model.operations,
        { op: "maxPool", input: distances, kernel: 3, stride: 1, padding: 1 } as const,
      ],
      parameters: [...model.parameters, undefined],
      outputs: [logits, model.operations.length + 1],
    };
    compileProgram(folder, cFilesOf(pooled, options).files, ["gcc", ...CHECKED]);
    const [picture] = PICTURES;
    const expected = detectFixed(pooled, CANVAS, picture);
    expectSame(runProgram(folder, [picture], model.classes)[0], expected, "exp");
    expect(expected).not.toEqual(detectFixed(model, CANVAS, picture));
  });

  test("knows the names of its classes", () => {
    const folder = join(root, "names");
    const model = modelOf(CELLS);
    const main = `#include "detector.h"
#include <stdio.h>
int main(void)
{
  int i;
  for (i = 0; i < DETECTOR_CLASSES; i++) puts(detector_classes[i]);
  return 0;
}
`;
    compileProgram(folder, { ...cFilesOf(model, options).files, "main.c": main }, ["gcc", ...CHECKED]);
    const printed = execFileSync("./program", { cwd: folder, encoding: "utf8" });
    expect(printed.trimEnd().split("\n")).toEqual(model.classes);
  });

  test("writes no more than it is given room for; rows may be further apart than they are long", () => {
    const folder = join(root, "most");
    const model = modelOf(CELLS);
    compileProgram(folder, cFilesOf(model, options).files, ["gcc", ...CHECKED, "-DMOST=3", "-DSPARE=5"]);
    const found = runProgram(folder, PICTURES.slice(0, 2), model.classes);
    PICTURES.slice(0, 2).forEach((picture, i) => {
      const expected = detectFixed(model, CANVAS, picture);
      expect(expected.length).toBeGreaterThan(3);
      expect(found[i]).toHaveLength(3);
      expectSame(found[i], expected.slice(0, 3), "three");
    });
  });

  test("finds nothing where every score is too low, and says where an argument does not fit", () => {
    const folder = join(root, "nothing");
    const model = modelOf(CELLS, 1);
    const { files } = cFilesOf(model, options);
    compileProgram(folder, files, ["gcc", ...CHECKED]);
    expect(runProgram(folder, PICTURES, model.classes)).toEqual(PICTURES.map(() => []));

    writeFileSync(
      join(folder, "main.c"),
      `#include "detector.h"
#include <stdio.h>
int main(void)
{
  static uint8_t rgb[3 * 96 * 64];
  struct detector_detection one;
  printf("%d", detector_detect(NULL, 1, 1, 3, &one, 1));
  printf(" %d", detector_detect(rgb, 0, 1, 3, &one, 1));
  printf(" %d", detector_detect(rgb, 1, -1, 3, &one, 1));
  printf(" %d", detector_detect(rgb, 96, 64, 287, &one, 1));
  printf(" %d", detector_detect(rgb, 32 * 96 + 1, 1, 3 * 32 * 96 + 3, &one, 1));
  printf(" %d", detector_detect(rgb, 96, 64, 288, &one, -1));
  printf(" %d", detector_detect(rgb, 96, 64, 288, NULL, 1));
  printf(" %d", detector_detect(rgb, 96, 64, 288, NULL, 0));
  return 0;
}
`,
    );
    execFileSync("gcc", [...CHECKED, "detector.c", "main.c", "-o", "program", "-lm"], { cwd: folder });
    expect(execFileSync("./program", { cwd: folder, encoding: "utf8" })).toBe("-1 -1 -1 -1 -1 -1 -1 0");
  });

  test.each([KINDS_OF_MODELS[0], KINDS_OF_MODELS[2]])("says where the network overflows: %s", (name) => {
    const folder = join(root, "overflow", name);
    const model = modelOf(name);
    model.parameters[0]!.weights.fill(1e38);
    compileProgram(folder, cFilesOf(model, options).files, ["gcc", ...CHECKED]);
    expect(() => runProgram(folder, PICTURES.slice(0, 1), model.classes)).toThrow("detect returned -2");
  });

  test("says where the network overflows, although values are rounded to powers of two afterwards", () => {
    const folder = join(root, "overflow", "rounded");
    const model = modelOf(KINDS_OF_MODELS[1]);
    // The last values that are rounded before the scores.
    const at = model.operations.findLastIndex(({ op }) => op === "roundPow2");
    const { input } = model.operations[at];
    const maker = model.operations.slice(0, input).findLastIndex(({ op }) => op === "conv");
    model.parameters[maker]!.weights.forEach((_, i, weights) => {
      weights[i] = i % 2 === 0 ? Infinity : -Infinity;
    });
    compileProgram(folder, cFilesOf(model, options).files, ["gcc", ...CHECKED]);
    expect(() => runProgram(folder, PICTURES.slice(0, 1), model.classes)).toThrow("detect returned -2");
  });

  test("says where the network overflows, although only one cell of those pooled does", () => {
    const folder = join(root, "overflow", "pooled");
    const model = modelOf(CELLS);
    const [logits, distances] = model.outputs;
    const [picture] = PICTURES;
    const [map] = mapsOf(model, CANVAS, picture, [logits]);
    const cells = map.width * map.height;
    const sorted = [...map.data.subarray(0, cells).keys()].sort((a, b) => map.data[a] - map.data[b]);
    const lowest = sorted[0];
    const places = [lowest % map.width, Math.floor(lowest / map.width)];
    expect(places.some((place) => place % 2 === 1)).toBe(true); // Not the first of its window.
    // Only the lowest logit becomes 0, and then NaN.
    const bias = -(map.data[lowest] + map.data[sorted[1]]) / 2;
    const once = { kernel: 1, stride: 1, padding: 0, groups: 1 };
    const conv = { op: "conv", ...once, channels: 2, relu: 1, step: 0 } as const;
    const pool = { op: "maxPool", kernel: 2, stride: 2, padding: 0 } as const;
    const last = model.operations.length;
    const pooled = {
      ...model,
      operations: [
        ...model.operations,
        { ...conv, input: logits },
        { ...conv, input: last + 1 },
        { ...pool, input: last + 2 },
        { ...pool, input: distances },
      ],
      parameters: [
        ...model.parameters,
        { weights: Float32Array.of(1, 0, 0, 1), biases: Float32Array.of(bias, 0) },
        { weights: Float32Array.of(-Infinity, 0, 0, 0), biases: Float32Array.of(0, 0) },
        undefined,
        undefined,
      ],
      outputs: [last + 3, last + 4],
    };
    compileProgram(folder, cFilesOf(pooled, options).files, ["gcc", ...CHECKED]);
    expect(() => runProgram(folder, [picture], model.classes)).toThrow("detect returned -2");
  });

  test("works in memory that the program has", () => {
    const folder = join(root, "arena");
    const model = modelOf(CELLS);
    const { files } = cFilesOf(model, options);
    const arena = `\nuint32_t my_arena[DETECTOR_ARENA_BYTES / 4];\n`;
    compileProgram(folder, files, ["gcc", ...CHECKED]);
    const expected = runProgram(folder, PICTURES.slice(0, 1), model.classes);
    writeFileSync(join(folder, "arena.c"), `#include "detector.h"${arena}`);
    const flags = [...CHECKED, "-DQMIMIC_ARENA=my_arena"];
    execFileSync("gcc", [...flags, "detector.c", "main.c", "arena.c", "-o", "program", "-lm"], {
      cwd: folder,
    });
    expect(runProgram(folder, PICTURES.slice(0, 1), model.classes)).toEqual(expected);
  });

  test.each([
    ["clang", STRICT],
    ["g++", ["-x", "c++", ...STRICT.slice(1)]],
    ["clang++", ["-x", "c++", ...STRICT.slice(1)]],
  ])("has no warnings for %s (where it is installed)", (compiler, flags) => {
    if (!has(compiler)) return;
    for (const name of KINDS_OF_MODELS)
      for (const format of ["float32", "int8"] as const) {
        const folder = join(root, "warnings", name, format, compiler);
        const calibration = PICTURES.slice(0, 1);
        const { files } = cFilesOf(modelOf(name), { format, width: 32, height: 32, calibration });
        writeProgram(folder, files);
        execFileSync(compiler, ["-fsyntax-only", ...flags, "detector.c"], { cwd: folder, stdio: "pipe" });
      }
  });
});

test("refuses what cannot be written", () => {
  const model = modelOf(CELLS);
  expect(() => cFilesOf(model, { ...options, name: "2 cats" })).toThrow('"2 cats" is not a valid C name');
  expect(() => cFilesOf(model, { ...options, width: 100 })).toThrow("width 100: expected a multiple of 32");
  expect(() => cFilesOf(model, { ...options, height: 8192 })).toThrow("height 8192");
  expect(() => cFilesOf(model, { ...options, format: "int8" })).toThrow("int8: ");
});

test("names its parts after the detector; its input is as wide as the model's, and three quarters as high", () => {
  const { files } = cFilesOf(modelOf(CELLS), { format: "float32", name: "door" });
  expect(Object.keys(files)).toEqual(["door.h", "door.c"]);
  expect(files["door.h"]).toContain("#define DOOR_INPUT_WIDTH 96\n#define DOOR_INPUT_HEIGHT 96");
  expect(files["door.h"]).toContain("int door_detect(");
});
