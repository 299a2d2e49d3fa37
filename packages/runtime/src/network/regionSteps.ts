// Operations of regions as steps. How many regions there are is known when they come: each step gets them.
import type { Model } from "../model/model.js";
import type { Operation, PsRoiAlign, RoiAlign } from "../model/operations.js";
import type { Machine } from "./machine.js";
import { eachNumber } from "./mapSteps.js";
import type { MapLayout } from "./memory.js";
import type { PlacedMap, Plan } from "./plan.js";
import { type AxisTaps, axisTaps } from "./taps.js";

type Step = (regions: Float32Array) => void;

const isRoi = (operation: Operation): operation is RoiAlign | PsRoiAlign =>
  operation.op === "roiAlign" || operation.op === "psRoiAlign";

/** Floats of the taps of one region: for each axis the cells (first tap, taps) and the taps (offset, weight). */
const tapFloats = ({ size, samples }: RoiAlign | PsRoiAlign): number => 2 * (2 * size + 4 * size * samples);

/** Floats that a step needs for itself. */
export function regionScratch(operation: Operation, from: MapLayout | undefined): number {
  if (!isRoi(operation) || from === undefined) return 0;
  const cells = operation.op === "roiAlign" ? from.height * from.width * channelsOf(from) : 0;
  return cells + tapFloats(operation);
}

/** Of a cell of a map whose channels lie together, in whole vectors. */
const channelsOf = ({ channels }: MapLayout): number => (channels + 3) & ~3;

/** @param scratch address of so many floats as regionScratch says */
export function regionStep(model: Model, machine: Machine, plan: Plan, index: number, scratch: number): Step {
  const operation = model.operations[index];
  const to = plan.rows[index + 1]!;
  const rowFloats = to.order.length;
  switch (operation.op) {
    case "roiAlign":
    case "psRoiAlign":
      return poolStep(
        machine,
        operation,
        plan.maps[operation.input]!,
        { ...to, row: 4 * rowFloats },
        scratch,
      );
    case "linear": {
      const from = plan.rows[operation.input]!;
      const { address } = machine.weights[index] as { address: number };
      const low = operation.relu ? 0 : Number.NEGATIVE_INFINITY;
      return (regions) => {
        // Two at a time; there is room for one more than the most.
        const count = (regions.length / 4 + 1) & ~1;
        machine.kernels.linear(from.address, address, to.address, count, from.order.length, rowFloats, low);
      };
    }
    case "add": {
      const [a, b] = [plan.rows[operation.input]!, plan.rows[operation.other]!];
      const low = operation.relu ? 0 : Number.NEGATIVE_INFINITY;
      return (regions) =>
        machine.kernels.add(a.address, b.address, to.address, regions.length * rowFloats, low);
    }
    default: {
      const from = plan.rows[operation.input]!.address;
      return (regions) =>
        eachNumber(machine, operation, from, to.address, (regions.length / 4) * rowFloats)();
    }
  }
}

function poolStep(
  machine: Machine,
  operation: RoiAlign | PsRoiAlign,
  map: PlacedMap,
  to: { address: number; row: number },
  scratch: number,
): Step {
  const { kernels } = machine;
  const { size, samples, stride } = operation;
  const last = operation.op === "roiAlign";
  // Bytes from cell to cell and from row to row of what is read.
  const cell = last ? 4 * channelsOf(map) : 4;
  const row = last ? map.width * cell : 4 * map.row;
  const taps = last ? scratch + map.height * row : scratch;
  const axis = 4 * (2 * size + 4 * size * samples);
  const [down, across] = [taps, taps + axis];
  const cells = 4 * 2 * size;
  const clear = last ? () => kernels.clear(scratch, map.height * row) : () => {};
  return (regions) => {
    if (last) {
      clear();
      const { channels, height, width, plane } = map;
      kernels.channelsLast(map.address, scratch, channels, height, width, 4 * plane, 4 * map.row, cell);
    }
    for (let r = 0; r < regions.length; r += 4) {
      const output = to.address + (r / 4) * to.row;
      const [x, y] = last ? plainBox(regions, r, stride, size) : shiftedBox(regions, r, stride, size);
      writeTaps(machine, axisTaps(y.start, y.step, size, samples, map.height), down, row);
      writeTaps(machine, axisTaps(x.start, x.step, size, samples, map.width), across, cell);
      // Both axes' taps are numbered from one place: the columns' from theirs.
      if (last) kernels.pool(scratch, down, across, down + cells, across + cells, size, cell, output);
      else {
        const channels = map.channels / size ** 2;
        kernels.poolVotes(
          map.address,
          4 * map.plane,
          down,
          across,
          down + cells,
          across + cells,
          size,
          channels,
          output,
        );
      }
    }
  };
}

interface Axis {
  start: number;
  step: number;
}

/** At least a cell wide and high, as torchvision has it without "aligned". */
function plainBox(regions: Float32Array, r: number, stride: number, size: number): [Axis, Axis] {
  const axis = (from: number): Axis => {
    const start = regions[r + from] / stride;
    return { start, step: Math.max(regions[r + from + 2] / stride - start, 1) / size };
  };
  return [axis(0), axis(1)];
}

/** Shifted by half a cell, so that cell centres line up. */
function shiftedBox(regions: Float32Array, r: number, stride: number, size: number): [Axis, Axis] {
  const axis = (from: number): Axis => ({
    start: regions[r + from] / stride - 0.5,
    step: (regions[r + from + 2] - regions[r + from]) / stride / size,
  });
  return [axis(0), axis(1)];
}

/** Cells first, then taps as offsets in bytes and weights. */
function writeTaps(
  { floats }: Machine,
  { cells, index, weight }: AxisTaps,
  address: number,
  step: number,
): void {
  const integers = new Uint32Array(floats.buffer);
  const at = address / 4;
  integers.set(cells, at);
  for (let t = 0; t < index.length; t++) {
    integers[at + cells.length + 2 * t] = index[t] * step;
    floats[at + cells.length + 2 * t + 1] = weight[t];
  }
}
