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

/**
 * Match ratio over a split, on unaugmented images, with the objects as regions.
 * @param maps of the same samples, at scale 1, not flipped, as codes of a uniform dictionary with this stride
 */
export async function matchRatio(
  student: Detector,
  regressor: Conv2d,
  maps: TeacherMaps,
  { samples, store }: { samples: readonly Sample[]; store: ImageStore },
  quantizerStride: number,
  device: string,
): Promise<MatchRatio> {
  student.eval();
  const total: MatchCounts = { ...NO_COUNTS };
  for (const [index, sample] of samples.entries()) {
    if (sample.labels.length === 0) continue;
    const image = await store.get(index);
    const counts = noGrad(() =>
      scope(() => matchImage(student, regressor, maps, index, sample, image, quantizerStride, device)),
    );
    addCounts(total, counts);
  }
  return matchRatioOf(total);
}

function matchImage(
  { config, backbone }: Detector,
  regressor: Conv2d,
  maps: TeacherMaps,
  index: number,
  { boxes: objects }: Sample,
  image: RawImage,
  quantizerStride: number,
  device: string,
): MatchCounts {
  const { side, outputStride } = config;
  const { batch, augmentations, canvas } = drawWhole([image], side, device);
  const [plain] = augmentations;
  const features = backbone.forward(batch);
  const [, , height, width] = features.shape;
  const { boxes } = transformBoxes(scaleBoxes(objects, image), plain, image.width, canvas, 0);
  const weights = cellWeights([boxes], outputStride, regressor.outChannels, height, width);
  const codes = maps.batch({ indices: [index], augmentations: [plain], images: batch }, height, width);
  const cells = tensor(weights, [1, height, width]).to(device);
  const { matches } = cellLoss(features, regressor, codes, cells, {
    kind: "uniform",
    stride: quantizerStride,
  });
  return toCounts(matches);
}
