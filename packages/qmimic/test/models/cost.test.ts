// Networks of another kind of convolution at the cost of a plain one.
import { expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { configureDetector, createDetector, multiplyAdds, widthOfCost } from "../../src/models/index.js";
import { parseRecipe } from "../../src/train/recipe.js";

const facts = { classes: ["cat"], samples: [], side: 192 };

test.each(
  ["vgg-1-32", "resnet18-1-32"].flatMap((backbone) =>
    ["separable", "grouped"].map((convolution) => [convolution, backbone] as const),
  ),
)("a %s %s at the cost of the plain one", (convolution, backbone) => {
  const settings = { student: backbone, "anchor-sizes": [32], "aspect-ratios": [1], "head-width": 32 };
  const plain = configureDetector(parseRecipe(settings, "test"), { ...facts, backbone });
  const detector = createDetector(plain, createRandom(0));
  const goal = multiplyAdds(detector);
  detector.dispose();

  const configOf = (name: string) =>
    configureDetector(parseRecipe({ ...settings, convolution }, "test"), { ...facts, backbone: name });
  const found = widthOfCost(goal, backbone, configOf);
  const equal = createDetector(configOf(found.backbone), createRandom(0));
  expect(multiplyAdds(equal)).toBe(found.multiplyAdds);
  expect(Math.abs(found.multiplyAdds / goal - 1)).toBeLessThan(0.1);
  // Layers are cheaper, so that there can be more channels.
  expect(equal.backbone.outChannels).toBeGreaterThan(16);
  equal.dispose();
});

test("a cost that no width has is refused", () => {
  const settings = { student: "vgg-1-32", detector: "fcos", "tower-width": 4 };
  const configOf = (backbone: string) =>
    configureDetector(parseRecipe(settings, "test"), { ...facts, side: 32, backbone });
  expect(() => widthOfCost(1000, "vgg-1-32", configOf)).toThrow(/no width of vgg .* the nearest is vgg-1-6/);
});
