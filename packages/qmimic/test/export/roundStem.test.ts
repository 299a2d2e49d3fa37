// Rounding of a network's first maps: it rescales channels and pixels without changing the network, and rounds to steps
// that cover what the pictures reach.
import {
  type Conv,
  createReferenceNetwork,
  type Model,
  parseModel,
  placePicture,
  type RawImage,
  stemOf,
} from "@qmimic/runtime";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { modelFile } from "../../src/export/modelFile.js";
import { roundStem } from "../../src/export/roundStem.js";
import { untrainedDetector } from "./untrained.js";

const random = createRandom("rounding");
const picture = (width: number, height: number): RawImage => ({
  data: Uint8Array.from(
    { length: 3 * width * height },
    (_, i) => 127 + 60 * Math.sin(i / 50) + 60 * random(),
  ),
  width,
  height,
});
const pictures = [picture(96, 64), picture(50, 96)];

function modelOf(changes: Record<string, unknown> = {}): Model {
  const detector = untrainedDetector("fcos", ["a"], { neck: "none", outputStride: 8, ...changes });
  const model = parseModel(modelFile(detector, [0.5], "float32"));
  detector.dispose();
  return model;
}

/** A value of the network for the first picture. */
function mapOf(model: Model, value: number) {
  const network = createReferenceNetwork(model);
  const [first] = pictures;
  network.draw({ ...first, channels: 3 }, placePicture(first, model.input.side, model.input.grid));
  return network.runMaps([value])[0];
}

const steps = ({ operations }: Model) => operations.map((one) => (one.op === "conv" ? one.step : 0));

describe.each(["none", "detail"])("the first maps, neck %s", (neck) => {
  const model = modelOf({ neck });
  const rounded = roundStem(model, pictures);
  const count = steps(rounded).filter((step) => step > 0).length;

  test("of VGG are rounded up to four channels", () => {
    const narrow = model.operations.filter(
      (one) => one.op === "conv" && one.kernel === 3 && one.channels <= 4,
    );
    expect(count).toBeGreaterThan(3);
    expect(count).toBeLessThanOrEqual(narrow.length);
    expect(rounded.input).toMatchObject({ levels: 127, std: [0.224, 0.224, 0.224] });
    for (const mean of rounded.input.mean) expect(127 * mean - Math.round(127 * mean)).toBeCloseTo(0, 6);
  });

  test("are the same network before rounding, except next to the edges, where the mean is another", () => {
    const exact = {
      ...rounded,
      input: { ...rounded.input, levels: 0 },
      operations: rounded.operations.map((one) => (one.op === "conv" ? { ...one, step: 0 } : one)),
    };
    // The last rounded map, whose channels are not rescaled, and the first of the detail path.
    const last = steps(rounded).findLastIndex((step) => step > 0);
    const firsts = model.operations.flatMap((one, i) =>
      one.op === "conv" && one.input === 0 && i > 0 ? [i] : [],
    );
    expect(firsts.length).toBe(neck === "detail" ? 1 : 0);
    for (const index of [last, ...firsts]) {
      const [before, after] = [model, exact].map((one) => mapOf(one, index + 1));
      const { channels, height, width } = before;
      let worst = 0;
      for (let c = 0; c < channels; c++)
        for (let y = 5; y < height - 5; y++)
          for (let x = 5; x < width - 5; x++) {
            const i = (c * height + y) * width + x;
            worst = Math.max(worst, Math.abs(before.data[i] - after.data[i]));
          }
      expect(Math.max(...before.data)).toBeGreaterThan(0.05);
      expect(worst).toBeLessThan(1e-4);
    }
  });

  test("have steps that reach their largest value, and few of a picture's values change much", () => {
    const value = steps(rounded).findLastIndex((step) => step > 0) + 1;
    const [before, after] = [model, rounded].map((one) => mapOf(one, value));
    const largest = Math.max(...before.data);
    let sum = 0;
    for (let i = 0; i < before.data.length; i++) sum += Math.abs(before.data[i] - after.data[i]);
    expect(sum / before.data.length / largest).toBeLessThan(0.02);
    expect(127 * steps(rounded)[value - 1]).toBeGreaterThanOrEqual(0.99 * largest);
  });
});

test("a layer whose channels differ too much is not rounded, nor are those after it", () => {
  const model = modelOf({ neck: "none" });
  const change = (factor: number, layer: number) => {
    const parameters = model.parameters.map((one) => one && { ...one, weights: one.weights.slice() });
    const { weights, biases } = parameters[layer]!;
    weights.subarray(0, weights.length / biases.length).forEach((_, i) => {
      weights[i] *= factor;
    });
    return { ...model, parameters };
  };
  const countOf = (changed: Model) => steps(roundStem(changed, pictures)).filter((step) => step > 0).length;
  const layers = model.operations.flatMap((one, i) => (one.op === "conv" ? [i] : []));
  const wider = layers.findIndex((i) => (model.operations[i] as Conv).channels > 1);
  expect(wider).toBeGreaterThan(0);
  expect(countOf(change(1e-5, layers[wider]))).toBe(wider);
  // With one channel, it is only another step.
  expect(countOf(change(1e-5, 0))).toBe(countOf(model));
});

test("networks without such layers are left alone", () => {
  const wide = modelOf({ backbone: "vgg-1-4" });
  expect(roundStem(wide, pictures)).toBe(wide);
  const resnet = modelOf({ backbone: "resnet18-1-32" });
  expect(roundStem(resnet, pictures)).toBe(resnet);
});

test("a model file keeps steps and levels, and only with pictures", () => {
  const detector = untrainedDetector("fcos", ["a"]);
  const [without, with32, float] = [
    modelFile(detector, [0.5], "int8"),
    modelFile(detector, [0.5], "int8", pictures),
    modelFile(detector, [0.5], "float32", pictures),
  ].map((file) => parseModel(file));
  detector.dispose();
  expect(with32.input.levels).toBe(127);
  expect(stemOf(with32)?.layers.length).toBe(steps(with32).filter((step) => step > 0).length);
  expect(Math.max(...steps(with32))).toBeGreaterThan(0);
  for (const plain of [without, float]) {
    expect(plain.input.levels).toBe(0);
    expect(Math.max(...steps(plain))).toBe(0);
  }
});
