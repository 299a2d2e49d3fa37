// Tables of the generated source.
import { generateAnchors, type RegionsDecoder, singleAtLeast } from "@qmimic/runtime";
import type { Lowered } from "./parameters.js";
import type { SourceParts } from "./parts.js";
import { cArray, cFloat, cString, cTable } from "./text.js";

export function mapTable({ program, lowered, memory, format }: SourceParts): string {
  const rows = program.maps.map(({ shape, border, rows: held }, i) => {
    const { bytes, zero, scale } = lowered.maps[i];
    const sizes = [memory.maps[i], shape.width, shape.height, shape.channels, border, held, bytes];
    return format === "int8" ? [...sizes, zero, cFloat(scale)] : [...sizes, cFloat(zero)];
  });
  return cTable("struct map", "maps", rows);
}

export const inputTables = ({ gains, shifts }: Lowered): string =>
  [cArray("float", "input_gains", gains, cFloat), cArray("float", "input_shifts", shifts, cFloat)].join("\n");

/** Parameters of every step, and the table of steps with their order. */
export function operationTables({ program, lowered, format }: SourceParts): string {
  const { steps, order } = program;
  const arrays: string[] = [];
  const array = (text: string, name: string): string => {
    arrays.push(text);
    return name;
  };
  const number = format === "int8" ? String : cFloat;
  const rows = steps.map(({ operation, reads }, i) => {
    const { row, weights, biases, factors, shift } = lowered.steps[i];
    const [from, other] = reads;
    const name = (what: string) => `${what}_${i}`;
    const vector = (type: string, values: ArrayLike<number>) =>
      values.length === 0 ? "NULL" : array(cArray(type, name(type), values, number), name(type));
    const ofConv = operation?.op === "conv" ? operation : undefined;
    const ofPool = operation?.op === "maxPool" ? operation : undefined;
    const window = ofConv ?? ofPool;
    const factor = operation?.op === "upsample" ? operation.factor : 1;
    return [
      row,
      vector("weight", weights),
      vector("bias", biases),
      factors.length === 0 ? "NULL" : array(cArray("int32_t", name("factor"), factors), name("factor")),
      ...[from ?? 0, other ?? 0, i, ofConv?.groups ?? 1],
      ...[window?.kernel ?? 1, window?.stride ?? factor, window?.padding ?? 0],
      operation !== undefined && "relu" in operation ? operation.relu : 0,
      shift,
    ];
  });
  return [
    ...arrays,
    cTable("struct operation", "operations", rows),
    cArray(steps.length < 256 ? "uint8_t" : "uint16_t", "order", order),
  ].join("\n\n");
}

export function regionTables({ inputs, lowered, memory, program, format }: SourceParts): string {
  const { regionOperations } = inputs;
  const names = { roiAlign: "roi_align", psRoiAlign: "ps_roi_align", linear: "linear" };
  const arrays: string[] = [];
  const rows = regionOperations.map(({ operation, reads, makes }, i) => {
    const { weights, biases } = lowered.regions[i];
    const ofMap = operation.op === "linear" ? undefined : operation;
    const source = regionOperations.findIndex(({ index }) => index + 1 === operation.input);
    const map = ofMap && program.mapOf.get(operation.input)!;
    if (ofMap === undefined) {
      arrays.push(cArray("weight", `region_weight_${i}`, weights, format === "int8" ? String : cFloat));
      arrays.push(cArray("float", `region_bias_${i}`, biases, cFloat));
    }
    return [
      names[operation.op],
      ...(ofMap ? ["NULL", "NULL"] : [`region_weight_${i}`, `region_bias_${i}`]),
      ...[source < 0 ? 0 : memory.regionValues[source], memory.regionValues[i]],
      ...[map ?? 0, reads],
      map !== undefined && operation.op === "roiAlign" ? program.maps[map].shape.channels : makes,
      ...[ofMap?.size ?? 0, ofMap?.samples ?? 0, ofMap?.stride ?? 0],
      operation.op === "linear" ? operation.relu : 0,
    ];
  });
  return [...arrays, cTable("struct region_operation", "region_operations", rows)].join("\n\n");
}

/** The anchors of the top left cell, and the weights of the second stage's deltas. */
export function anchorTables({
  anchorSizes: sizes,
  aspectRatios,
  stride,
  boxWeights,
}: RegionsDecoder): string {
  const anchors = generateAnchors({ sizes, aspectRatios, stride, height: 1, width: 1 });
  const rows = Array.from({ length: anchors.length / 4 }, (_, a) =>
    Array.from(anchors.subarray(4 * a, 4 * a + 4), cFloat),
  );
  const table = cTable("float", "base_anchors", rows).replace("base_anchors[]", "base_anchors[][4]");
  return `${table}\n${cArray("float", "box_weights", boxWeights, cFloat)}`;
}

/** Definitions for the header's declarations. */
export function classTables({ name, model: { classes, thresholds } }: SourceParts): string {
  const scores = thresholds.map((score) => cFloat(singleAtLeast(score)));
  return [
    `const char *const ${name}_classes[${classes.length}] = {${classes.map(cString).join(", ")}};`,
    `float ${name}_thresholds[${classes.length}] = {${scores.join(", ")}};`,
  ].join("\n");
}
