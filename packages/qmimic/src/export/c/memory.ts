// Plans the arena: rows of maps while they are needed; afterwards, decoding reuses their memory.
import type { Model } from "@qmimic/runtime";
import { type Block, placeBlocks } from "./arena.js";
import type { DecoderInputs } from "./outputs.js";
import type { MapFormat } from "./parameters.js";
import type { RowMap, RowProgram } from "./steps.js";

/** Size of struct candidate in library/candidates.c. */
const CANDIDATE_BYTES = 24;

/** library/int8/conv.c reads a few bytes past the end. */
const READ_AHEAD = 4;

export interface MemoryPlan {
  /** Offset in the arena, in bytes. */
  maps: number[];
  /** A row of zeros, for convolutions of integers. */
  zeros: number;
  /** Candidate detections; indices in the order in which they were kept. */
  candidates: number;
  kept: number;
  /** For two-stage detectors: regions, and the results of each region operation. */
  proposals: number;
  regionValues: number[];
  bytes: number;
  /** Maximum number of each. */
  maxAnchors: number;
  maxCandidates: number;
}

export function planMemory(
  model: Model,
  program: RowProgram,
  formats: readonly MapFormat[],
  inputs: DecoderInputs,
): MemoryPlan {
  const { decoder, classes } = model;
  const { maps, order, mapOf } = program;
  const scores = maps[mapOf.get(inputs.outputs[0].value)!].shape;
  const places = scores.channels * scores.height * scores.width;
  const twoStage = decoder.of === "regions";
  const maxAnchors = twoStage ? Math.min(decoder.proposals.preNms, places) : 0;
  const maxCandidates = twoStage
    ? Math.min(decoder.proposals.postNms, maxAnchors) * classes.length
    : Math.min(decoder.preNms, places);
  // Moments: the steps in order, then proposals, detections, NMS.
  const [proposing, detecting, suppressing] = [0, 1, 2].map((after) => order.length + after);
  const first = twoStage ? detecting : proposing;
  const outputs = new Set(inputs.outputs.map(({ value }) => mapOf.get(value)!));
  const lastRead = (map: number): number =>
    !maps[map].kept
      ? maps[map].to
      : outputs.has(map) && !isCutOut(inputs, maps[map].value)
        ? proposing
        : detecting;
  const blocks: Block[] = maps.map((map, i) => ({
    bytes: map.rows * rowCells(map) * formats[i].bytes,
    from: map.from,
    to: lastRead(i),
  }));
  const add = (bytes: number, from: number, to: number) => blocks.push({ bytes, from, to }) - 1;
  const candidates = add(maxCandidates * CANDIDATE_BYTES, first, suppressing);
  const kept = add(Math.min(decoder.keep.detections, maxCandidates) * 4, suppressing, suppressing);
  const zeros = add(zerosBytes(program, formats), 0, order.length - 1);
  const proposals = add(maxAnchors * CANDIDATE_BYTES, proposing, detecting);
  const values = inputs.regionOperations.map(({ makes }) => add(4 * makes, detecting, detecting));
  const { places: at, bytes } = placeBlocks(blocks);
  return {
    maps: at.slice(0, maps.length),
    zeros: at[zeros],
    candidates: at[candidates],
    kept: at[kept],
    proposals: at[proposals],
    regionValues: values.map((value) => at[value]),
    bytes: bytes + READ_AHEAD,
    maxAnchors,
    maxCandidates,
  };
}

const rowCells = ({ shape, border }: RowMap): number => (shape.width + 2 * border) * shape.channels;

const isCutOut = ({ regionOperations }: DecoderInputs, value: number): boolean =>
  regionOperations.some(({ operation }) => operation.op !== "linear" && operation.input === value);

/** The longest row that a convolution reads outside a map. */
function zerosBytes({ maps, steps }: RowProgram, formats: readonly MapFormat[]): number {
  const read = steps.flatMap(({ operation, reads }) => (operation?.op === "conv" ? reads : []));
  return Math.max(0, ...read.map((map) => (formats[map].bytes === 1 ? rowCells(maps[map]) : 0)));
}
