// node bench/microcontroller.mjs WEIGHTS --data FOLDER [--merge CLASS] [--sizes 160x160,192x192]
//      [--formats float32,int8]
//      [--calibration 64] [--out FILE]
//
// A detector exported as C, in float32 and int8: average precision of the compiled program on val; RAM and flash in
// bytes for Cortex-M4 and M7; and the number of instructions for an image of the input's size and for one of 320 x 240,
// on QEMU's Cortex-M4 and M7. Needs gcc; the last two need arm-none-eabi-gcc and qemu-system-arm.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createImageStore } from "../packages/qmimic/dist/data/imageStore.js";
import { decodeImage } from "../packages/qmimic/dist/data/images.js";
import { readVoc } from "../packages/qmimic/dist/data/voc.js";
import { detectSamples } from "../packages/qmimic/dist/eval/detect.js";
import { evaluate } from "../packages/qmimic/dist/eval/evaluation.js";
import { cFiles } from "../packages/qmimic/dist/export/c/cFiles.js";
import { pictureBytes, withProgram, writeProgram } from "../packages/qmimic/dist/export/c/program.js";
import { loadDetector, readThresholds } from "../packages/qmimic/dist/train/weights.js";
import { dataFolder, root, writeReport } from "./common.mjs";

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string" },
    merge: { type: "string" },
    sizes: { type: "string", default: "160x160,192x192" },
    formats: { type: "string", default: "float32,int8" },
    calibration: { type: "string", default: "64" },
    out: { type: "string" },
  },
});
const [weights] = positionals;
const data = dataFolder(given);
const support = join(root, "packages/qmimic/test/export/c");
const BOARDS = [
  { cpu: "cortex-m4", fpu: "fpv4-sp-d16", board: "mps2-an386" },
  { cpu: "cortex-m7", fpu: "fpv5-d16", board: "mps2-an500" },
];

const detector = loadDetector(weights);
const { classes } = detector.config;
const labels = given.merge ? { merge: given.merge } : { classes };
const val = await readVoc(data, "val", labels);
const train = await readVoc(data, "train", labels);
const decode = (samples) => Promise.all(samples.map(({ imagePath }) => decodeImage(imagePath)));
const calibration = await decode(train.samples.slice(0, Number(given.calibration)));
const [picture] = await decode(val.samples.slice(0, 1));
const folder = mkdtempSync(join(tmpdir(), "qmimic-c-"));
for (const file of ["cortex.c", "cortex.ld"]) copyFileSync(join(support, file), join(folder, file));
const start = (command, args) =>
  execFileSync(command, args, { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 28 });

const generate = (options) => {
  const made = cFiles(detector, readThresholds(weights), options);
  writeProgram(folder, made.files);
  return made;
};

/** AP of the compiled program on val. */
async function averagePrecision({ files }) {
  let result;
  const command = ["gcc", "-std=c99", "-O2", "-march=native"];
  await withProgram({ files, name: "detector", classes, command }, async (detect) => {
    const found = await detectSamples(detect, val.samples, createImageStore(val.samples));
    const { mAP50: ap50, coco } = evaluate(val, found, { iou: 0.5, pixelInclusive: false });
    result = { ap50, ap: coco.ap };
  });
  return result;
}

/** The object file's size in flash, and the number of instructions per image. */
function onBoard({ cpu, fpu, board }, images) {
  const target = [`-mcpu=${cpu}`, `-mfpu=${fpu}`, "-mfloat-abi=hard", "-mthumb", "-std=c99", "-O2"];
  start("arm-none-eabi-gcc", [...target, "-c", "detector.c", "-o", "detector.o"]);
  const [, sizes] = start("arm-none-eabi-size", ["detector.o"]).split("\n");
  const [text, initialised] = sizes.trim().split(/\s+/).map(Number);
  const link = ["-DTICKS", "--specs=rdimon.specs", "-T", "cortex.ld", "cortex.c", "main.c", "detector.o"];
  start("arm-none-eabi-gcc", [...target, ...link, "-o", "board.elf", "-lm"]);
  writeFileSync(join(folder, "pictures.bin"), pictureBytes(images));
  const qemu = ["-M", board, "-nographic", "-monitor", "none", "-serial", "none", "-icount", "shift=0"];
  const run = spawnSync(
    "qemu-system-arm",
    [...qemu, "-semihosting-config", "enable=on,target=native", "-kernel", "board.elf"],
    { cwd: folder, encoding: "utf8" },
  );
  // With -icount shift=0, an instruction takes 1 ns of simulated time; a tick of the clock is 40 ns.
  return {
    flashBytes: text + initialised,
    instructions: run.stderr
      .trim()
      .split("\n")
      .map((ticks) => 40 * Number(ticks)),
  };
}

const resized = (image, width, height) => ({
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const x = Math.floor(((pixel % width) * image.width) / width);
    const y = Math.floor((Math.floor(pixel / width) * image.height) / height);
    return image.data[3 * (y * image.width + x) + (i % 3)];
  }),
});

const hasBoards = ["arm-none-eabi-gcc", "qemu-system-arm"].every(
  (program) => !spawnSync(program, ["--version"]).error,
);
const rows = [];
try {
  for (const size of given.sizes.split(",")) {
    const [width, height] = size.split("x").map(Number);
    for (const format of given.formats.split(",")) {
      const options = { width, height, format, calibration };
      const made = generate(options);
      const precision = await averagePrecision(made);
      const { arenaBytes, constantBytes } = made;
      const images = [resized(picture, width, height), resized(picture, 320, 240)];
      const boards = hasBoards ? BOARDS.map((board) => ({ ...board, ...onBoard(board, images) })) : [];
      const row = { size, format, ...precision, arenaBytes, constantBytes, boards };
      rows.push(row);
      console.log(JSON.stringify(row));
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (given.out) writeReport(given.out, { weights, data, calibration: calibration.length, rows });
