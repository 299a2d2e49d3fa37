// The operations in plain TypeScript: the reference for every other backend, and the fallback without WebAssembly.
import type { Size } from "../decode/keepBest.js";
import { nms } from "../geometry/nms.js";
import type { Model } from "../model/model.js";
import { drawPicture } from "../picture/pixels.js";
import { maxRegions, type Network, planShapes, type Value } from "./network.js";
import {
  addValues,
  convolve,
  eachNumber,
  linear,
  maxPool,
  psRoiAlign,
  roiAlign,
  upsample,
} from "./referenceKernels.js";

/** A network that runs on every engine, even without WebAssembly, but slowly. */
export function createReferenceNetwork(model: Model): Network {
  const { operations } = model;
  let canvas: Size = { width: 0, height: 0 };
  let values: Value[] = [];

  /** Shapes and memory of all values, kept as long as pictures have the same size. */
  function plan(wanted: Size): void {
    if (wanted.width === canvas.width && wanted.height === canvas.height) return;
    const shapes = planShapes(operations, wanted, maxRegions(model));
    values = shapes.map((shape) => ({
      ...shape,
      data: new Float32Array(shape.regions ? 0 : shape.channels * shape.height * shape.width),
    }));
    canvas = { ...wanted };
  }

  return {
    draw(picture, placement) {
      plan(placement.canvas);
      drawPicture(picture, placement, model.input, values[0].data);
    },
    runMaps(wanted) {
      operations.forEach((_, i) => {
        if (!values[i + 1].regions) runMap(model, i, values);
      });
      return wanted.map((value) => values[value]);
    },
    readMap: (value) => values[value],
    runRegions(regions, wanted) {
      const count = regions.length / 4;
      operations.forEach((_, i) => {
        const value = values[i + 1];
        if (!value.regions) return;
        value.data = new Float32Array(count * value.channels * value.height * value.width);
        runRegion(model, i, values, regions);
      });
      return wanted.map((value) => values[value]);
    },
    nms,
  };
}

function runMap(model: Model, index: number, values: readonly Value[]): void {
  const operation = model.operations[index];
  const from = values[operation.input];
  const to = values[index + 1].data;
  switch (operation.op) {
    case "conv":
      convolve(operation, model.parameters[index]!, from, to);
      break;
    case "maxPool":
      maxPool(operation, from, to);
      break;
    case "add":
      addValues(from.data, values[operation.other].data, operation.relu, to);
      break;
    case "upsample":
      upsample(operation.factor, from, to);
      break;
    default:
      eachNumber(operation, from.data, to);
      break;
  }
}

function runRegion(model: Model, index: number, values: readonly Value[], regions: Float32Array): void {
  const operation = model.operations[index];
  const from = values[operation.input];
  const to = values[index + 1].data;
  switch (operation.op) {
    case "roiAlign":
      roiAlign(operation, from, regions, to);
      break;
    case "psRoiAlign":
      psRoiAlign(operation, from, regions, to);
      break;
    case "linear":
      linear(operation, model.parameters[index]!, from, to);
      break;
    case "add":
      addValues(from.data, values[operation.other].data, operation.relu, to);
      break;
    default:
      eachNumber(operation, from.data, to);
      break;
  }
}
