// Serializes a graph to the bytes of an .onnx file. Field and type numbers are from the ONNX project's
// onnx.proto.
import { type Attribute, type Constant, ELEMENT, type Graph, type Node } from "./graph.js";
import { bytes, float, int, join, message, text } from "./protobuf.js";

/** Operator set version: RoiAlign has coordinate modes since 16, and since 18 reductions take axes as inputs. */
const OPSET = 17;
/** Version of the file format that came with opset 17. */
const IR_VERSION = 8;

const ATTRIBUTE = { float: 1, int: 2, string: 3, ints: 7 };

export interface Port {
  name: string;
  type: keyof typeof ELEMENT;
  /** A name if the size is dynamic. */
  shape: readonly (number | string)[];
  meaning: string;
}

export interface OnnxModel {
  name: string;
  meaning: string;
  graph: Graph;
  inputs: readonly Port[];
  outputs: readonly Port[];
  metadata: Record<string, string>;
}

export function serializeOnnx({ name, meaning, graph, inputs, outputs, metadata }: OnnxModel) {
  return join([
    int(1, IR_VERSION),
    text(2, "qmimic"),
    text(6, meaning),
    message(7, [
      ...graph.nodes.map((node) => message(1, nodeFields(node))),
      text(2, name),
      ...[...graph.constants].map(([name, constant]) => message(5, constantFields(name, constant))),
      ...inputs.map((port) => message(11, portFields(port))),
      ...outputs.map((port) => message(12, portFields(port))),
    ]),
    message(8, [text(1, ""), int(2, OPSET)]),
    ...Object.entries(metadata).map(([key, value]) => message(14, [text(1, key), text(2, value)])),
  ]);
}

const nodeFields = ({ type, inputs, outputs, attributes }: Node): Uint8Array[] => [
  ...inputs.map((input) => text(1, input)),
  ...outputs.map((output) => text(2, output)),
  text(3, outputs[0]),
  text(4, type),
  ...Object.entries(attributes).map(([name, value]) =>
    message(5, [text(1, name), ...attributeFields(value)]),
  ),
];

function attributeFields(value: Attribute): Uint8Array[] {
  if (typeof value === "number") return [int(3, value), int(20, ATTRIBUTE.int)];
  if (typeof value === "string") return [text(4, value), int(20, ATTRIBUTE.string)];
  if ("float" in value) return [float(2, value.float), int(20, ATTRIBUTE.float)];
  return [...value.map((entry) => int(8, entry)), int(20, ATTRIBUTE.ints)];
}

const constantFields = (name: string, { data, shape }: Constant): Uint8Array[] => [
  ...shape.map((length) => int(1, length)),
  int(2, data instanceof Float32Array ? ELEMENT.float32 : ELEMENT.int64),
  text(8, name),
  // Little-endian, like typed arrays on x86 and ARM.
  bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
];

function portFields({ name, type, shape, meaning }: Port): Uint8Array[] {
  const axes = shape.map((size) => message(1, [typeof size === "number" ? int(1, size) : text(2, size)]));
  const tensor = message(1, [int(1, ELEMENT[type]), message(2, axes)]);
  return [text(1, name), message(2, [tensor]), text(3, meaning)];
}
