// Converts the list of operations to ONNX operators. Maps are [1, C, H, W]; region values are [N, C, size,
// size] after roiAlign, [N, C] after others.
import { inferShapes, type Operation, type Shape } from "@qmimic/runtime";
import { GRID } from "../../data/drawing.js";
import type { TracedNetwork } from "../trace.js";
import type { Graph, Value } from "./graph.js";
import { roundToMultiples, roundToPowers } from "./quantizers.js";
import { alignRegions, alignVotes } from "./regionMaps.js";

export interface OnnxNetwork {
  /** Adds the map operations. @param picture [1, 3, H, W], sides multiples of GRID */
  onMaps(picture: Value): void;
  /** Adds the region operations, after those on maps. @param regions [N, 4] xyxy, in image pixels */
  onRegions(regions: Value): void;
  /** Values by the detector's names. */
  output(name: string): Value;
  /** Channels of an output. */
  channels(name: string): number;
}

export function onnxNetwork(graph: Graph, network: TracedNetwork): OnnxNetwork {
  const { operations, parameters, outputs } = network;
  // Channels do not depend on the image size.
  const shapes = inferShapes(operations, 4 * GRID, 4 * GRID);
  const values: Value[] = [];
  const addAll = (ofRegions: boolean, regions: Value): void =>
    operations.forEach((operation, i) => {
      if (shapes[i + 1].regions !== ofRegions) return;
      values[i + 1] = addOperation(graph, operation, {
        name: `${operation.op}${i}`,
        values,
        from: shapes[operation.input],
        regions,
        parameters: parameters[i],
      });
    });
  return {
    onMaps(picture) {
      values[0] = picture;
      addAll(false, "");
    },
    onRegions: (regions) => addAll(true, regions),
    output: (name) => values[outputs[name]],
    channels: (name) => shapes[outputs[name]].channels,
  };
}

interface Surroundings {
  name: string;
  /** All results so far. */
  values: readonly Value[];
  /** Shape of the input. */
  from: Shape;
  /** [N, 4] xyxy, for region operations. */
  regions: Value;
  parameters: TracedNetwork["parameters"][number];
}

function addOperation(
  graph: Graph,
  operation: Operation,
  { name, values, from, regions, parameters }: Surroundings,
): Value {
  const input = values[operation.input];
  const within = graph.within(name);
  const rectified = (value: Value, relu: number) => (relu ? within.add("relu", "Relu", [value]) : value);
  const weights = (shape: readonly number[]): Value[] => {
    if (!parameters) throw new Error(`export: operation ${name} has no weights`);
    return [
      within.floats("weight", parameters.weights, shape),
      within.floats("bias", parameters.biases, [parameters.biases.length]),
    ];
  };
  switch (operation.op) {
    case "conv": {
      const { channels, kernel, stride, padding, groups: group, relu } = operation;
      const inputs = [input, ...weights([channels, from.channels / group, kernel, kernel])];
      return rectified(graph.add(name, "Conv", inputs, { ...windows(kernel, stride, padding), group }), relu);
    }
    case "maxPool": {
      const { kernel, stride, padding } = operation;
      return graph.add(name, "MaxPool", [input], windows(kernel, stride, padding));
    }
    case "add":
      return rectified(graph.add(name, "Add", [input, values[operation.other]]), operation.relu);
    case "upsample": {
      const scales = within.floats("scales", [1, 1, operation.factor, operation.factor], [4]);
      const nearest = {
        mode: "nearest",
        nearest_mode: "floor",
        coordinate_transformation_mode: "asymmetric",
      };
      return graph.add(name, "Resize", [input, "", scales], nearest);
    }
    case "round":
      return roundToMultiples(within, input, operation);
    case "roundPow2":
      return roundToPowers(within, input, operation);
    case "exp":
      return graph.add(name, "Exp", [within.add("min", "Min", [input, graph.float(operation.max)])]);
    case "roiAlign":
      return alignRegions(within, input, regions, operation);
    case "psRoiAlign":
      return alignVotes(within, input, regions, { ...operation, channels: from.channels });
    case "linear": {
      const { channels, relu } = operation;
      const inputs = from.channels * from.height * from.width;
      const row = within.add("flatten", "Flatten", [input], { axis: 1 });
      const product = graph.add(name, "Gemm", [row, ...weights([channels, inputs])], { transB: 1 });
      return rectified(product, relu);
    }
  }
}

const windows = (kernel: number, stride: number, padding: number) => ({
  kernel_shape: [kernel, kernel],
  strides: [stride, stride],
  pads: [padding, padding, padding, padding],
});
