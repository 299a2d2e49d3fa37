// On simulated Cortex-M4 and M7 the generated C finds what it finds here.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setThreads } from "@qmimic/torch";
import { describe, expect, test } from "vitest";
import { cFilesOf } from "../../../src/export/c/cFiles.js";
import { compileProgram, has, runProgram } from "../../../src/export/c/program.js";
import { temporaryFolder } from "../../data/temporary.js";
import { expectSame } from "../same.js";
import { STRICT } from "./compilers.js";
import { CANVAS, KINDS_OF_MODELS, modelOf, PICTURES } from "./detectors.js";

setThreads(1);
const root = await temporaryFolder();
const BOARDS = [
  { cpu: "cortex-m4", fpu: "fpv4-sp-d16", board: "mps2-an386" },
  { cpu: "cortex-m7", fpu: "fpv5-d16", board: "mps2-an500" },
];
const support = Object.fromEntries(
  ["cortex.c", "cortex.ld"].map((name) => [name, readFileSync(new URL(name, import.meta.url), "utf8")]),
);
const missing = ["arm-none-eabi-gcc", "gcc", "qemu-system-arm"].filter((program) => !has(program));

describe.skipIf(missing.length > 0)(
  "simulated boards (skipped without arm-none-eabi-gcc and qemu-system-arm)",
  () => {
    test.each(
      BOARDS.flatMap((board, i) => [
        { ...board, name: KINDS_OF_MODELS[0], format: "int8" as const },
        { ...board, name: KINDS_OF_MODELS[1 + i], format: "int8" as const },
        { ...board, name: KINDS_OF_MODELS[2 + i], format: "float32" as const },
      ]),
    )("$cpu, $format: $name", ({ cpu, fpu, board, name, format }) => {
      const calibration = PICTURES.slice(0, 4);
      const model = modelOf(name);
      const { files } = cFilesOf(model, { format, ...CANVAS, calibration });
      const here = join(root, cpu, format, name, "here");
      const there = join(root, cpu, format, name, "there");
      compileProgram(here, files, ["gcc", "-O1", ...STRICT]);
      const target = [`-mcpu=${cpu}`, `-mfpu=${fpu}`, "-mfloat-abi=hard", "-mthumb", "--specs=rdimon.specs"];
      const sources = ["-O2", "-T", "cortex.ld", "cortex.c", ...STRICT];
      compileProgram(there, { ...files, ...support }, ["arm-none-eabi-gcc", ...target, ...sources]);
      const qemu = ["qemu-system-arm", "-M", board, "-nographic", "-monitor", "none", "-serial", "none"];
      const run = [...qemu, "-semihosting-config", "enable=on,target=native", "-kernel", "program"];
      const pictures = [PICTURES[0], PICTURES[3], PICTURES[5]];
      const found = runProgram(there, pictures, model.classes, run);
      runProgram(here, pictures, model.classes).forEach((expected, i) => {
        expectSame(found[i], expected, `picture ${i}`);
      });
      expect(found.flat().length).toBeGreaterThan(10);
    });
  },
);
