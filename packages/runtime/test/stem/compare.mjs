// For networks whose first maps are rounded, how their results with convolutions of bytes differ from the reference. Also a
// program of its own, because Node 20 needs flags for relaxed SIMD, and run by a page.
import { createReferenceNetwork, placePicture } from "../../dist/index.js";
import { stemOf } from "../../dist/network/stem.js";
import { createWasmNetwork } from "../../dist/network/wasm.js";

/** For Node 20, which has relaxed SIMD behind a flag, with a fault in its baseline compiler. */
export const NODE_FLAGS =
  Number(globalThis.process?.versions.node.split(".")[0]) < 22
    ? ["--experimental-wasm-relaxed-simd", "--no-liftoff"]
    : [];

let state = 5;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32 - 0.5;
};

const CONV = { op: "conv", kernel: 3, stride: 1, padding: 1, groups: 1, relu: 1 };
const POOL = { op: "maxPool", kernel: 2, stride: 2, padding: 0 };

/** @param layers channels of convolutions, "pool", and at the end "floats": a convolution of the input that is not rounded */
function modelOf(layers) {
  const operations = [];
  const parameters = [];
  let inputs = 3;
  for (const layer of layers) {
    const input = operations.length;
    if (layer === "floats") {
      operations.push({ ...CONV, input: 0, channels: 2, relu: 0, step: 0 });
      parameters.push({ weights: Float32Array.from({ length: 54 }, random), biases: new Float32Array(2) });
      continue;
    }
    if (layer === "pool") {
      operations.push({ ...POOL, input });
      parameters.push(undefined);
      continue;
    }
    operations.push({ ...CONV, input, channels: layer, step: 0.02 });
    // Integers times a scale per output, the largest 127.
    const weights = Float32Array.from({ length: 9 * inputs * layer }, (_, i) => {
      const scale = (0.004 + 0.001 * Math.floor(i / (9 * inputs))) / inputs;
      return scale * (i % (9 * inputs) === 0 ? 127 : Math.round(200 * random()));
    });
    parameters.push({ weights, biases: Float32Array.from({ length: layer }, random) });
    inputs = layer;
  }
  // An output whose weights are all 0.
  if (inputs > 1 && !layers.includes("floats")) {
    const { weights } = parameters.findLast((one) => one);
    weights.fill(0, 0, weights.length / inputs);
  }
  const input = {
    side: 96,
    grid: 32,
    mean: [62 / 127, 58 / 127, 52 / 127],
    std: [0.224, 0.224, 0.224],
    levels: 127,
  };
  const last = operations.length;
  const features = layers.includes("floats") ? last - 1 : last;
  const decoder = {
    of: "cells",
    stride: 4,
    score: 0.1,
    preNms: 10,
    keep: { nms: 0.5, vote: 1, detections: 10 },
  };
  return {
    classes: ["a"],
    thresholds: [0.5],
    input,
    operations,
    parameters,
    outputs: [features, last],
    features,
    decoder,
  };
}

function pictureOf(width, height, channels) {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [Math.floor(i / channels) % width, Math.floor(i / channels / width)];
    data[i] = 128 + 90 * Math.sin(x / 5 + i) * Math.cos(y / 7) + 30 * random();
  }
  return { width, height, channels, data };
}

const PICTURES = [
  ["at the input's size", pictureOf(96, 64, 4)],
  ["with odd sides", pictureOf(95, 61, 3)],
  ["reduced", pictureOf(250, 333, 4)],
  ["enlarged", pictureOf(31, 17, 3)],
  ["one pixel", pictureOf(1, 1, 3)],
  ["a line", pictureOf(96, 1, 4)],
];
/** Drawn without the kernels, because of its size. */
const HUGE = [
  "huge",
  {
    width: 1,
    height: 17_000_000,
    channels: 3,
    data: new Uint8Array(51_000_000).map((_, i) => (i >> 16) & 255),
  },
];

/** @returns a list, for each network and picture */
export async function compare(networks) {
  const results = [];
  state = 5;
  for (const layers of networks) {
    const model = modelOf(layers);
    const stem = stemOf(model);
    const [reference, wasm] = [createReferenceNetwork(model), await createWasmNetwork(model)];
    for (const [name, picture] of results.length === 0 ? [...PICTURES, HUGE] : PICTURES) {
      const placement = placePicture(picture, model.input.side, model.input.grid);
      const [expected, found] = [reference, wasm].map((network) => {
        network.draw(picture, placement);
        return network.runMaps([model.features, model.outputs[1]]).map(({ data }) => data.slice());
      });
      const differences = [0, 1].map((k) => expected[k].map((value, i) => Math.abs(value - found[k][i])));
      const steps = differences[0].map((difference) => difference / stem.step);
      results.push({
        name: `${layers.join(" ")}, ${name}`,
        layers: stem.layers.length,
        nonzero: expected[0].filter((value) => value > 0).length / expected[0].length,
        worst: Math.max(...steps),
        floats: layers.includes("floats") ? Math.max(...differences[1]) : 0,
        differ: steps.filter((step) => step > 0.5).length / steps.length,
      });
    }
  }
  return results;
}

const asked = globalThis.process?.argv[2];
if (asked) console.log(JSON.stringify(await compare(JSON.parse(asked))));
