// Steps for operations on regions. Each step gets the regions, because their number varies.
import type { Operation, PsRoiAlign, RoiAlign } from "../model/operations.js";
import type { Machine } from "./machine.js";
import { eachNumber } from "./mapSteps.js";
import { type MapLayout, multipleOf4 } from "./memory.js";
import type { PlacedMap, PlacedRows, Plan } from "./plan.js";

type Step = (regions: Float32Array) => void;

const isRoi = (operation: Operation): operation is RoiAlign | PsRoiAlign =>
  operation.op === "roiAlign" || operation.op === "psRoiAlign";

/** Size of the taps of one region in floats, see wasm/regions.ts. */
const tapFloats = ({ size, samples }: RoiAlign | PsRoiAlign): number => 2 * (size + 4 * size * samples);

/** Scratch memory of a step, in floats: taps, the regions (at most `maxCount`), and the map with channels last. */
export function regionScratch(operation: Operation, from: MapLayout | undefined, maxCount: number): number {
  if (!isRoi(operation) || from === undefined) return 0;
  const cells = operation.op === "roiAlign" ? from.height * from.width * channelsOf(from) : 0;
  // Up to three cells after the map are overwritten.
  return cells + 3 * channelsOf(from) + 4 * maxCount + tapFloats(operation);
}

/** Floats per cell of a map with channels last, rounded up to whole vectors. */
const channelsOf = ({ channels }: MapLayout): number => multipleOf4(channels);

/** @param scratch address of the floats requested by regionScratch */
export function regionStep(machine: Machine, plan: Plan, index: number, scratch: number): Step {
  const operation = machine.model.operations[index];
  const to = plan.rows[index + 1]!;
  const { floats } = to;
  switch (operation.op) {
    case "roiAlign":
    case "psRoiAlign":
      return poolStep({ machine, operation, from: plan.maps[operation.input]!, to, scratch });
    case "linear": {
      const from = plan.rows[operation.input]!;
      const { address } = machine.weights[index] as { address: number };
      const low = operation.relu ? 0 : Number.NEGATIVE_INFINITY;
      return (regions) => {
        // The kernel processes two regions at a time; rows have space for one more than the maximum.
        const count = (regions.length / 4 + 1) & ~1;
        machine.kernels.linear(from.address, address, to.address, count, from.floats, floats, low);
      };
    }
    case "add": {
      const [a, b] = [plan.rows[operation.input]!, plan.rows[operation.other]!];
      const low = operation.relu ? 0 : Number.NEGATIVE_INFINITY;
      // Row by row: those of the two may differ in length.
      return (regions) => {
        for (let i = 0; i < regions.length; i += 4)
          machine.kernels.add(
            a.address + i * a.floats,
            b.address + i * b.floats,
            to.address + i * floats,
            4 * floats,
            low,
          );
      };
    }
    default: {
      const run = eachNumber(machine, operation, plan.rows[operation.input]!.address, to.address);
      return (regions) => run((regions.length / 4) * floats);
    }
  }
}

interface PoolTask {
  machine: Machine;
  operation: RoiAlign | PsRoiAlign;
  from: PlacedMap;
  to: PlacedRows;
  /** Address of the floats requested by regionScratch. */
  scratch: number;
}

function poolStep({ machine, operation, from, to, scratch }: PoolTask): Step {
  const { kernels } = machine;
  const { size, samples, stride } = operation;
  const { address, channels, height, width } = from;
  const [plane, row] = [4 * from.plane, 4 * from.row];
  // Bytes per cell with channels last, 0 if they are not.
  const cell = operation.op === "roiAlign" ? 4 * channelsOf(from) : 0;
  const boxes = scratch + height * width * cell;
  return (regions) => {
    const count = regions.length / 4;
    const taps = boxes + 4 * regions.length;
    const pooled = [boxes, count, stride, size, samples, taps, to.address, 4 * to.floats] as const;
    if (cell > 0) {
      if (channels % 4 > 0) kernels.clear(scratch, boxes - scratch);
      kernels.channelsLast(address, scratch, channels, height, width, plane, row, cell);
    }
    // After channelsLast, which overwrites up to three cells here.
    machine.floats.set(regions, boxes / 4);
    if (cell > 0) kernels.roiAlign(scratch, height, width, cell, ...pooled);
    else {
      // The kernel writes no padding.
      kernels.clear(to.address, 4 * to.floats * count);
      kernels.psRoiAlign(address, height, width, plane, row, channels / size ** 2, ...pooled);
    }
  };
}
