// The teacher's backbone on whole batches, without gradients: the cost of its maps.
import { countMultiplyAdds, noGrad, scope } from "@qmimic/torch";
import { drawWhole } from "../../packages/qmimic/dist/data/drawing.js";
import { createRandom } from "../../packages/qmimic/dist/data/random.js";
import { createDetector } from "../../packages/qmimic/dist/models/index.js";
import { detectorConfig } from "../../packages/qmimic/dist/train/networks.js";
import { openSplits } from "../../packages/qmimic/dist/train/splits.js";
import { measureSteps, peerRecipe } from "./settings.mjs";
export async function benchmarkTeacherForward(settings) {
  const recipe = peerRecipe(settings);
  const { train } = await openSplits(recipe);
  const teacher = createDetector(
    detectorConfig(recipe, recipe.teacher, train),
    createRandom("teacher"),
  ).eval();
  const images = await Promise.all(
    Array.from({ length: settings.batch }, (_, i) => train.store.get(i % train.dataset.samples.length)),
  );
  const { batch } = drawWhole(images, settings.side, recipe.device);
  const forward = () => noGrad(() => scope(() => void teacher.features(batch)));
  const multiplyAdds = countMultiplyAdds(forward) / images.length;
  const measured = await measureSteps(settings, () => {
    forward();
    return images.length;
  });
  return { ...measured, multiplyAdds };
}
