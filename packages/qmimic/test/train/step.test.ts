// Which optimizer trains which layer.
import { add, backward, scope, sum } from "@qmimic/torch";
import { expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { createFasterRcnn } from "../../src/models/fasterRcnn.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { createTrainee } from "../../src/train/step.js";
import { config } from "../models/torchvision.js";

test("muon takes the weights of hidden layers; predictions, biases and norms go to adamw", () => {
  const recipe = parseRecipe({ optimizer: "muon", "weight-decay": 0 }, "test");
  const detector = createFasterRcnn(
    { ...config, backbone: "vgg-1-64", outputStride: 4, neck: "top-down" },
    createRandom(0),
  );
  const { optimizer } = createTrainee(detector, recipe, undefined);
  const trained = detector.named().filter((one) => one.trained);
  const before = trained.map(({ tensor }) => tensor.toFloat32());
  scope(() => backward(trained.map(({ tensor }) => sum(tensor)).reduce(add)));
  const lr = 0.01;
  optimizer.step(lr);

  trained.forEach(({ name, tensor }, i) => {
    const after = tensor.toFloat32();
    const change = Math.sqrt(after.reduce((all, x, k) => all + (x - before[i][k]) ** 2, 0) / after.length);
    const adam = tensor.shape.length === 1 || /cls_logits|bbox_pred|cls_score/.test(name);
    // Gradients are all 1. Adam's first step is lr in each number; a matrix of equal numbers has one singular value, of
    // which the iteration makes 0.6964.
    const [rows] = tensor.shape;
    const muon = (0.2 * 0.6964) / Math.sqrt(Math.min(rows, after.length / rows));
    expect(change / lr, name).toBeCloseTo(adam ? 1 : muon, 3);
  });
  expect(trained.filter(({ name }) => /cls_logits|bbox_pred|cls_score/.test(name))).toHaveLength(8);
  for (const moment of optimizer.state().values()) moment.dispose();
});

test.each(["separable", "grouped"] as const)(
  "muon leaves the weights of %s layers to adamw",
  (convolution) => {
    const detector = createFasterRcnn(
      { ...config, backbone: "vgg-1-32", convolution, convolutionGroups: 2 },
      createRandom(0),
    );
    const trainee = createTrainee(detector, parseRecipe({ optimizer: "muon" }, "test"), undefined);
    const sizes = (one: string) =>
      [...trainee.optimizer.state()].flatMap(([name, { size }]) => (name.startsWith(one) ? [size] : []));
    const trained = detector.named().filter((one) => one.trained);
    const total = (some: typeof trained) => some.reduce((all, { tensor }) => all + tensor.size, 0);
    const spatial = trained.filter(({ name }) => /spatial\.weight$/.test(name));
    // All of the 13 but the first, which reads the image.
    expect(spatial).toHaveLength(12);
    for (const { tensor, grouped } of spatial)
      expect(grouped && tensor.shape[1]).toBe(convolution === "separable" ? 1 : tensor.shape[0] / 2);
    const left = trained.filter(
      ({ tensor, predicts, grouped }) => tensor.shape.length === 1 || predicts || grouped,
    );
    expect(sizes("first").reduce((a, b) => a + b)).toBe(total(left));
    expect(sizes("momentum").reduce((a, b) => a + b)).toBe(total(trained) - total(left));
    for (const moment of trainee.optimizer.state().values()) moment.dispose();
    detector.dispose();
  },
);
