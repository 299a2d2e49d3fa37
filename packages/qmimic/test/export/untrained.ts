// Model files of networks that nobody has trained, but which find something everywhere.
import { copy, mul, noGrad, scope } from "@qmimic/torch";
import { createRandom } from "../../src/data/random.js";
import { modelFile } from "../../src/export/modelFile.js";
import {
  configureDetector,
  createDetector,
  type Detector,
  kindOf,
  readChannels,
} from "../../src/models/index.js";
import { shrink } from "../../src/prune/shrink.js";

/** Of two classes, for inputs of 96 px, unless `changes` to the configuration say otherwise. */
export function untrainedDetector(
  kind: string,
  classes = ["cat", "dog"],
  changes: Record<string, unknown> = {},
): Detector {
  const shared = { detector: kind, side: 96, outputStride: 8, neck: "detail" };
  const settings = {
    ...shared,
    ...kindOf(kind).settings.parse({ anchorSizes: [20, 40], aspectRatios: [1] }),
  };
  const facts = { backbone: "vgg-1-64", samples: [], side: 96, classes };
  const config = { ...configureDetector(settings, facts), ...changes };
  const detector = createDetector(config, createRandom("untrained"));
  // Fresh predictions are all but equal.
  noGrad(() =>
    scope(() => {
      for (const { tensor: weights, predicts } of detector.named())
        if (predicts) copy(weights, mul(weights, weights.shape.length > 1 ? 8 : 0.3));
    }),
  );
  return detector.eval();
}

/** A detector without a third of its channels, at random: the widths of its layers are uneven. */
export function pruned(detector: Detector): Detector {
  const random = createRandom("pruned");
  const kept = readChannels(detector).groups.map((group) => {
    const some = Array.from({ length: group.channels }, (_, i) => i).filter(() => random() < 0.67);
    return [group, some.length > 0 ? some : [0]] as const;
  });
  return shrink(detector, new Map(kept));
}

/** Thresholds are 0.01. */
export function untrainedModel(kind: string): Uint8Array<ArrayBuffer> {
  const detector = untrainedDetector(kind);
  const file = modelFile(detector, [0.01, 0.01], "float32");
  detector.dispose();
  return file;
}
