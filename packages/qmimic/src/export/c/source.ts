// The generated source: settings, the library functions used, tables, and the order of steps.
import { singleAtLeast, singleAtMost } from "@qmimic/runtime";
import { libraryFile } from "./library.js";
import type { DecoderInputs, RegionOperation } from "./outputs.js";
import type { SourceParts } from "./parts.js";
import { anchorTables, classTables, inputTables, mapTable, operationTables, regionTables } from "./tables.js";
import { cFloat } from "./text.js";

/** The text of NAME.c. */
export function sourceText(parts: SourceParts): string {
  const { name, format, lowered, inputs, model } = parts;
  const file = (part: string) => libraryFile(part, format);
  const rowFiles = [...new Set(lowered.steps.map((step) => step.file))].filter((file) => file !== "picture");
  return `${[
    `/* Written by qmimic. See ${name}.h for usage. */`,
    `#include "${name}.h"`,
    "#include <math.h>\n#include <stddef.h>\n#include <string.h>",
    settings(parts),
    arena(parts),
    ...["map", "parameters", "operation"].map(file),
    mapTable(parts),
    inputTables(lowered),
    ...["rows", "normalised", "picture"].map(file),
    ...(format === "int8" ? [file("dsp"), file("writer")] : []),
    ...rowFiles.map(file),
    operationTables(parts),
    ...["run", "isNumber", "values", "candidates"].map(file),
    ...(model.decoder.of === "cells"
      ? [distance(inputs), file("cells")]
      : [
          ...regionLibrary(inputs.regionOperations).map(file),
          regionTables(parts),
          anchorTables(model.decoder),
          ...["proposals", "regions"].map(file),
        ]),
    classTables(parts),
    ...["keep", "detect"].map(file),
  ].join("\n\n")}\n`;
}

function regionLibrary(operations: readonly RegionOperation[]): string[] {
  const kinds = [...new Set(operations.map(({ operation }) => operation.op))];
  return ["regionOperation", ...(kinds.some((kind) => kind !== "linear") ? ["sample"] : []), ...kinds];
}

const define = (values: Record<string, string | number>): string =>
  Object.entries(values)
    .map(([key, value]) => `#define ${key} ${value}`)
    .join("\n");

function settings({ name, width, height, model, program, memory, format, ...parts }: SourceParts): string {
  const { decoder } = model;
  const { steps, order } = program;
  const kernels = steps.map(({ operation }) => (operation?.op === "conv" ? operation.kernel : 1));
  return define({
    "DETECTOR(of)": `${name}_##of`,
    INPUT_WIDTH: width,
    INPUT_HEIGHT: height,
    OPERATIONS: steps.length,
    STEPS: order.length,
    LARGEST_KERNEL: Math.max(...kernels),
    ...(format === "int8" ? { ZEROS_AT: memory.zeros } : {}),
    STRIDE: cFloat(decoder.stride),
    MAX_CANDIDATES: memory.maxCandidates,
    MAX_DETECTIONS: decoder.keep.detections,
    NMS_OVERLAP: cFloat(singleAtMost(decoder.keep.nms)),
    VOTE_OVERLAP: cFloat(singleAtLeast(decoder.keep.vote)),
    CANDIDATES_AT: memory.candidates,
    KEPT_AT: memory.kept,
    ...decoderSettings({ model, program, memory, ...parts }),
  });
}

/** The logit of a score. */
const logitOf = (score: number): string => cFloat(singleAtLeast(Math.log(score / (1 - score))));

function decoderSettings({
  model,
  inputs,
  program,
  memory,
}: Pick<SourceParts, "model" | "inputs" | "program" | "memory">): Record<string, string | number> {
  const { decoder, outputs: named } = model;
  const [first, second] = inputs.outputs.map(({ value }) => program.mapOf.get(value)!);
  const { height, width } = program.maps[first].shape;
  if (decoder.of === "cells")
    return {
      LOGITS: first,
      DISTANCES: second,
      CELLS: `${height * width}u`,
      LEAST_LOGIT: logitOf(decoder.score),
    };
  const [logits, deltas] = named
    .slice(2)
    .map((value) => inputs.regionOperations.findIndex(({ index }) => index + 1 === value));
  return {
    ANCHOR_LOGITS: first,
    ANCHOR_DELTAS: second,
    MAX_ANCHORS: memory.maxAnchors,
    LEAST_ANCHOR_LOGIT: logitOf(decoder.proposals.score),
    PROPOSAL_OVERLAP: cFloat(singleAtMost(decoder.proposals.nms)),
    MAX_REGIONS: decoder.proposals.postNms,
    PROPOSALS_AT: memory.proposals,
    LABELS: model.classes.length + 1,
    LEAST_SCORE: cFloat(singleAtMost(decoder.score)),
    SHARED_DELTAS: inputs.regionOperations[deltas].makes === 4 ? 1 : 0,
    REGION_OPERATIONS: inputs.regionOperations.length,
    REGION_LOGITS_AT: memory.regionValues[logits],
    REGION_DELTAS_AT: memory.regionValues[deltas],
  };
}

function distance({ outputs }: DecoderInputs): string {
  const { exp } = outputs[1];
  const value =
    exp === undefined ? "distance" : `expf(distance > ${cFloat(exp)} ? ${cFloat(exp)} : distance)`;
  return `static float distance_of(float distance)\n{\n  return ${value};\n}`;
}

function arena({ name, memory }: SourceParts): string {
  return [
    "#ifdef QMIMIC_ARENA",
    `extern uint32_t QMIMIC_ARENA[]; /* ${name.toUpperCase()}_ARENA_BYTES bytes */`,
    "#define arena_bytes ((uint8_t *)QMIMIC_ARENA)",
    "#else",
    "static union {",
    "  float aligned;",
    `  uint8_t bytes[${memory.bytes}];`,
    "} arena;",
    "#define arena_bytes (arena.bytes)",
    "#endif",
  ].join("\n");
}
