// Batches from JPEG files, with no images kept in memory: decoding, downscaling, augmenting, drawing.
import { epochOrder, makeBatch } from "../../packages/qmimic/dist/train/batches.js";
import { openSplits } from "../../packages/qmimic/dist/train/splits.js";
import { batchSettings } from "../../packages/qmimic/dist/train/step.js";
import { measureSteps, peerRecipe } from "./settings.mjs";
export async function benchmarkDataLoading(settings) {
  const recipe = peerRecipe(settings);
  // No memory budget: every image is decoded at every use.
  const { train } = await openSplits({ ...recipe, memory: 0 });
  const { samples } = train.dataset;
  const batches = batchSettings(recipe, recipe.outputStride);
  const order = epochOrder(samples, batches, 0);
  const at = (i) => order[i % order.length];
  return measureSteps(settings, async (i) => {
    train.store.prefetch([...at(i + 1), ...at(i + 2)]);
    const batch = await makeBatch(train, at(i), batches, i);
    batch.images.dispose();
    return batch.indices.length;
  });
}
