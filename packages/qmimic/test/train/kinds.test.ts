// Every kind of detector on every backbone, neck and stride trains; its run can be cut off and resumed bit for bit, what
// it finds can be evaluated, and its export finds the same. With some of them, it is trained until it has learned.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setThreads } from "@qmimic/torch";
import { beforeAll, describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { detectSamples, detectWith, scoreDetections } from "../../src/eval/detect.js";
import { createDetector, DETECTORS, NECKS } from "../../src/models/index.js";
import { profiled } from "../../src/profile.js";
import { detectorCost } from "../../src/report/summary.js";
import { detectorConfig } from "../../src/train/networks.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { weightFiles } from "../../src/train/runFiles.js";
import { openSplits } from "../../src/train/splits.js";
import { type TrainingReport, trainDetector } from "../../src/train/trainer.js";
import { loadDetector } from "../../src/train/weights.js";
import { makeShapes, SHAPES_SIDE } from "../data/shapes.js";
import { temporaryFolder } from "../data/temporary.js";
import { expectSameDetections } from "../export/parity.js";

setThreads(1);
const IMAGES = 24;
/** For those that need not learn. */
const FEW_IMAGES = 8;
const BATCH = 4;
const root = await temporaryFolder();
const data = join(root, "shapes");
beforeAll(() => makeShapes(data, { train: IMAGES, val: 12 }));

/** Coarse maps learn slowly, and cost little. */
const EPOCHS_TO_LEARN = { 4: 20, 8: 32, 16: 56 };
const EPOCHS = 2;

/** Calls `body` at the end of an epoch, when its files are written. */
const atEpoch = (which: number, body: () => void): TrainingReport => ({
  step: () => {},
  epoch: ({ epoch }) => {
    if (epoch === which) body();
  },
});
const cutAt = (epoch: number) =>
  atEpoch(epoch, () => {
    throw new Error("cut off");
  });

// At stride 16 there is nothing for a neck to make finer.
const PLAIN = (["vgg-1-32", "resnet18-1-32"] as const).flatMap((student) => [
  { student, stride: 16 as const, neck: "none" },
  ...([4, 8] as const).flatMap((stride) => NECKS.map((neck) => ({ student, stride, neck }))),
]);
const NETWORKS = [
  ...PLAIN.map((one) => ({ ...one, convolution: "plain" })),
  { student: "vgg-1-24.5", stride: 8 as const, neck: "detail", convolution: "separable" },
  { student: "resnet18-1-20", stride: 8 as const, neck: "top-down", convolution: "grouped" },
];
/** Each backbone, stride, neck and convolution at least once. */
const LEARNING: Record<string, readonly string[]> = {
  "vgg-1-32 16 none": DETECTORS,
  "vgg-1-32 4 detail": DETECTORS,
  "vgg-1-24.5 8 detail": ["r-fcn"],
  "resnet18-1-20 8 top-down": ["fcos"],
};

describe.each(DETECTORS)("%s", (kind) => {
  test.each(NETWORKS)("$student, stride $stride, neck $neck, $convolution", async (network) => {
    const { student, stride, neck, convolution } = network;
    const learns = LEARNING[`${student} ${stride} ${neck}`]?.includes(kind) ?? false;
    const images = learns ? IMAGES : FEW_IMAGES;
    const recipe = parseRecipe(
      {
        "train-images": images,
        ...{ data, detector: kind, student, neck, "output-stride": stride, side: SHAPES_SIDE, threads: 1 },
        convolution,
        ...{ method: "scratch", batch: BATCH, scales: [1], lr: 0.008, warmup: 0.5, "eval-every": 100 },
      },
      "test",
    );
    const splits = await openSplits(recipe);
    const epochs = learns ? EPOCHS_TO_LEARN[stride] : EPOCHS;
    const train = async (folder: string, report: TrainingReport) => {
      const config = detectorConfig(recipe, student, splits.train);
      const detector = createDetector(config, createRandom(kind));
      try {
        return await trainDetector({
          detector,
          recipe,
          epochs,
          lr: recipe.lr,
          lrSetting: "lr",
          ...splits,
          folder,
          report,
        });
      } finally {
        detector.dispose();
      }
    };
    const last = (folder: string) => readFileSync(weightFiles(folder).last);

    const whole = join(root, kind, student, `${stride}-${neck}-${convolution}`);
    const second: Buffer[] = [];
    const { result, profile } = await profiled(() =>
      train(
        whole,
        atEpoch(2, () => second.push(last(whole))),
      ),
    );
    expect(profile.parts.get("backbone")?.calls).toBe((epochs * images) / BATCH);
    if (learns) expect(result.best.val, "AP50").toBeGreaterThan(0.5);

    const twice = `${whole}-cut`;
    for (const epoch of [1, 2]) await expect(train(twice, cutAt(epoch))).rejects.toThrow("cut off");
    expect(last(twice).equals(second[0])).toBe(true);

    const loaded = loadDetector(result.bestPath);
    const { dataset, store } = splits.val;
    const found = await detectSamples(detectWith(loaded), dataset.samples, store);
    expect(scoreDetections(dataset, found).mAP).toBeCloseTo(result.best.val, 6);
    const { parameters, multiplyAdds } = detectorCost(loaded);
    expect(Math.min(parameters, multiplyAdds)).toBeGreaterThan(1000);
    const pictures = await Promise.all([0, 1, 2].map((i) => store.get(i)));
    expect(await expectSameDetections(loaded, pictures)).toBeGreaterThan(0);
    loaded.dispose();
  });
});
