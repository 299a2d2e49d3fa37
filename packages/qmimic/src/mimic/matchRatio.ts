// Match ratio over a split: how well a student reproduces the quantized map inside the objects.
import { type Conv2d, noGrad, scope, tensor } from "@qmimic/torch";
import { transformBoxes } from "../data/augment.js";
import { drawWhole } from "../data/drawing.js";
import type { ImageStore } from "../data/imageStore.js";
import { type RawImage, scaleBoxes } from "../data/images.js";
import type { Sample } from "../data/types.js";
import type { Detector } from "../models/index.js";
import { addCounts, type MatchCounts, type MatchRatio, matchRatioOf, NO_COUNTS, toCounts } from "./match.js";
import { cellLoss } from "./mimic.js";
import { cellWeights } from "./regions.js";
import type { TeacherMaps } from "./teacherMaps.js";

/** A student, and the maps it reproduces. */
export interface Mimicry {
  student: Detector;
  regressor: Conv2d;
  /** Of the same samples, at scale 1, not flipped, as codes of a uniform dictionary. */
  maps: TeacherMaps;
  /** The dictionary's stride. */
  quantizerStride: number;
  device: string;
}

/** Match ratio over a split, on unaugmented images, with the objects as regions. */
export async function matchRatio(
  mimicry: Mimicry,
  { samples, store }: { samples: readonly Sample[]; store: ImageStore },
): Promise<MatchRatio> {
  mimicry.student.eval();
  const total: MatchCounts = { ...NO_COUNTS };
  for (const [index, sample] of samples.entries()) {
    if (sample.labels.length === 0) continue;
    const image = await store.get(index);
    addCounts(
      total,
      noGrad(() => scope(() => matchImage(mimicry, index, sample, image))),
    );
  }
  return matchRatioOf(total);
}

function matchImage(
  { student, regressor, maps, quantizerStride, device }: Mimicry,
  index: number,
  { boxes: objects }: Sample,
  image: RawImage,
): MatchCounts {
  const { config, backbone } = student;
  const { side, outputStride } = config;
  const { batch, augmentations, canvas } = drawWhole([image], side, device);
  const [plain] = augmentations;
  const features = backbone.forward(batch);
  const [, , height, width] = features.shape;
  const { boxes } = transformBoxes(scaleBoxes(objects, image), plain, { image, canvas }, 0);
  const map = { stride: outputStride, channels: regressor.outChannels, height, width };
  const weights = cellWeights([boxes], map);
  const stored = maps.batch({ indices: [index], augmentations: [plain], images: batch }, height, width);
  const cells = tensor(weights, [1, height, width]).to(device);
  const quantizer = { kind: "uniform", stride: quantizerStride } as const;
  const { matches } = cellLoss(
    features,
    regressor,
    { stored, quantizer, predictionQuantizer: quantizer },
    cells,
  );
  return toCounts(matches);
}
