// node bench/microcontroller.mjs WEIGHTS --data FOLDER [--merge CLASS] [--sizes 160x160,192x192] [--formats float32,int8]
//      [--calibration 64] [--out FILE]
//
// A detector as generated C: average precision on val of what the compiled program finds, in floats and in integers of eight
// bits; bytes of RAM and flash for Cortex-M4 and M7; and instructions of one picture of the input's size, and of one of 320 x 240,
// on QEMU's Cortex-M4 and M7. Needs gcc; the last two need arm-none-eabi-gcc and qemu-system-arm.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { decodeImage } from "../packages/qmimic/dist/data/images.js";
import { readVoc } from "../packages/qmimic/dist/data/voc.js";
import { evaluate } from "../packages/qmimic/dist/eval/evaluation.js";
import { cFiles } from "../packages/qmimic/dist/export/c/cFiles.js";
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
const pictures = await decode(val.samples);
const folder = mkdtempSync(join(tmpdir(), "qmimic-c-"));
for (const file of ["main.c", "cortex.c", "cortex.ld"]) copyFileSync(join(support, file), join(folder, file));
const start = (command, args) =>
  execFileSync(command, args, { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 28 });

const write = (images) =>
  writeFileSync(
    join(folder, "pictures.bin"),
    Buffer.concat(
      images.flatMap(({ data, width, height }) => [
        new Uint8Array(Int32Array.of(width, height).buffer),
        data,
      ]),
    ),
  );
const generate = (options, thresholds) => {
  const made = cFiles(detector, thresholds, options);
  for (const [name, text] of Object.entries(made.files)) writeFileSync(join(folder, name), text);
  return made;
};

/** AP of what the compiled program finds in val. */
function averagePrecision() {
  write(pictures);
  start("gcc", ["-std=c99", "-O2", "-march=native", "detector.c", "main.c", "-o", "program", "-lm"]);
  const run = spawnSync("./program", { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 28 });
  const lines = run.stdout.trim().split("\n");
  let at = 0;
  const found = val.samples.map(({ id }) => {
    const own = Array.from({ length: Number(lines[at++]) }, () => lines[at++].split(" "));
    return {
      id,
      boxes: Float32Array.from(own.flatMap((line) => line.slice(-4).map(Number))),
      scores: Float32Array.from(own, (line) => Number(line.at(-5))),
      labels: Int32Array.from(own, (line) => 1 + classes.indexOf(line.slice(0, -5).join(" "))),
    };
  });
  const { mAP50: ap50, coco } = evaluate(val, found, { iou: 0.5, pixelInclusive: false });
  return { ap50, ap: coco.ap };
}

/** Bytes of flash of the object file, and instructions of each picture. */
function onBoard({ cpu, fpu, board }, images) {
  const target = [`-mcpu=${cpu}`, `-mfpu=${fpu}`, "-mfloat-abi=hard", "-mthumb", "-std=c99", "-O2"];
  start("arm-none-eabi-gcc", [...target, "-c", "detector.c", "-o", "detector.o"]);
  const [, sizes] = start("arm-none-eabi-size", ["detector.o"]).split("\n");
  const [text, initialised] = sizes.trim().split(/\s+/).map(Number);
  const link = ["-DTICKS", "--specs=rdimon.specs", "-T", "cortex.ld", "cortex.c", "main.c", "detector.o"];
  start("arm-none-eabi-gcc", [...target, ...link, "-o", "board.elf", "-lm"]);
  write(images);
  const qemu = ["-M", board, "-nographic", "-monitor", "none", "-serial", "none", "-icount", "shift=0"];
  const run = spawnSync(
    "qemu-system-arm",
    [...qemu, "-semihosting-config", "enable=on,target=native", "-kernel", "board.elf"],
    { cwd: folder, encoding: "utf8" },
  );
  // An instruction takes a nanosecond of the simulated clock, whose ticks are 40.
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
  (one) => !spawnSync(one, ["--version"]).error,
);
const rows = [];
for (const size of given.sizes.split(",")) {
  const [width, height] = size.split("x").map(Number);
  for (const format of given.formats.split(",")) {
    const options = { width, height, format, calibration };
    generate(
      options,
      classes.map(() => 0),
    );
    const precision = averagePrecision();
    const { arenaBytes, constantBytes } = generate(options, readThresholds(weights));
    const images = [resized(pictures[0], width, height), resized(pictures[0], 320, 240)];
    const boards = hasBoards ? BOARDS.map((board) => ({ ...board, ...onBoard(board, images) })) : [];
    const row = { size, format, ...precision, arenaBytes, constantBytes, boards };
    rows.push(row);
    console.log(JSON.stringify(row));
  }
}
rmSync(folder, { recursive: true });
if (given.out) writeReport(given.out, { weights, data, calibration: calibration.length, rows });
