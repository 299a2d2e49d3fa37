// qmimic as a library, without the command line: from labelled photographs to a model file, and from that to boxes.
//   node examples/train.mjs [--folder DIR] [--pictures COUNT] [--epochs COUNT] [--side PIXELS]
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Detector } from "@qmimic/runtime";
import {
  bestThresholds,
  createRunFolder,
  decodeImage,
  detectImages,
  detectorCost,
  detectSamples,
  detectWith,
  evaluate,
  exportModel,
  generateDemo,
  loadDetector,
  lockRunFolder,
  parseRecipe,
  prepareRun,
  runStages,
} from "qmimic";

const { values } = parseArgs({
  options: {
    folder: { type: "string", default: "runs/example" },
    pictures: { type: "string", default: "280" },
    epochs: { type: "string", default: "60" },
    side: { type: "string", default: "320" },
  },
});
const pictures = Number(values.pictures);

// Labelled images in the Pascal VOC layout. Yours may be in any format listed in docs/data.md.
const data = join(values.folder, "signs");
const drawn = await generateDemo(data, { train: pictures, val: Math.ceil(pictures / 7), test: 4 });
console.log(`${drawn.images} pictures with ${drawn.objects} signs of ${drawn.classes.length} kinds`);

// docs/recipe.md lists the settings and their defaults. An invalid setting throws an InputError that names it.
const recipe = parseRecipe(
  {
    data,
    runs: join(values.folder, "runs"),
    cache: join(values.folder, "cache"),
    name: "signs",
    teacher: "vgg-1-16",
    student: "vgg-1-32",
    side: Number(values.side),
    "output-stride": 8,
    "teacher-epochs": Number(values.epochs),
    "quantized-epochs": 1,
    epochs: Number(values.epochs),
    "eval-every": 10,
  },
  "examples/train.mjs",
);

// All checks of the data happen before a run folder is created.
const splits = await prepareRun(recipe);
const folder = await createRunFolder(recipe, splits);
const lock = lockRunFolder(folder);
const stages = await runStages(
  recipe,
  folder,
  {
    stage: (name, detector) => console.log(`${name}: ${detectorCost(detector).parameters} parameters`),
    say: (text) => console.log(text),
    maps: () => {},
    step: () => {},
    epoch: ({ epoch, val }) => {
      if (!Number.isNaN(val)) console.log(`  epoch ${epoch}: AP50 on val ${(100 * val).toFixed(1)}`);
    },
  },
  splits,
);
lock.release();

// Evaluates the student on val: average precision, and the score threshold of each class.
const detector = loadDetector(stages[stages.length - 1].weights);
const { dataset, store } = splits.val;
const found = await detectSamples(detectWith(detector), dataset.samples, store);
const evaluation = evaluate(dataset, found);
console.log(`student: AP50 ${(100 * (evaluation.mAP50 ?? 0)).toFixed(1)}`);

// An image that no stage has seen.
const [name] = (await readdir(join(data, "JPEGImages"))).filter((file) => file.startsWith("test-"));
const image = await decodeImage(join(data, "JPEGImages", name));
const [{ scores }] = detectImages(detector, [image]);
console.log(`${name}: ${scores.length} boxes in the trainer`);

// The exported model: a file of about 60 kB. The runtime finds the same boxes without libtorch.
const model = join(folder, "signs.int8.safetensors");
await writeFile(model, exportModel(detector, bestThresholds(evaluation), "int8"));
detector.dispose();
const exported = await Detector.load(await readFile(model));
const boxes = exported.detect(image, { threshold: 0 });
console.log(`${name}: ${boxes.length} boxes in the runtime, from ${model}`);
