// Convolutions as steps: by Winograd's algorithm, or tap by tap over the input or over phases of it.
import type { Conv } from "../model/operations.js";
import type { Machine } from "./machine.js";
import { type MapLayout, OVERRUN } from "./memory.js";
import { isWinograd, winogradParts } from "./packing.js";
import type { PlacedMap } from "./plan.js";
import { clearZeros } from "./zeros.js";

/** Whether a convolution reads its input where it lies: its output has the same cells. */
const inPlace = ({ kernel, stride, padding }: Conv): boolean => stride === 1 && 2 * padding === kernel - 1;

/** A convolution, and where its maps lie. */
interface ConvolutionTask {
  machine: Machine;
  operation: Conv;
  from: PlacedMap;
  to: PlacedMap;
  /** Of the operation in its network. */
  index: number;
  /** Address of what convolutionTables asked for. */
  scratch: number;
  /** The least result. */
  low: number;
}

export const convolutionStep = (task: ConvolutionTask): (() => void) =>
  isWinograd(task.operation, task.from.channels, task.from.width) ? winogradStep(task) : tapsStep(task);

function winogradStep({ machine, from, to, index, scratch, low }: ConvolutionTask): () => void {
  const { winograd: address } = machine.weights[index] as { winograd: number };
  const parts = winogradParts(from.channels, to.channels);
  const clear = clearZeros(machine, to);
  return () => {
    machine.kernels.winograd(
      from.address,
      address,
      address + parts.weights,
      address + parts.biases,
      to.address,
      from.channels,
      to.channels,
      4 * from.plane,
      4 * to.plane,
      to.height,
      to.width,
      4 * to.row,
      scratch,
      low,
    );
    clear();
  };
}

interface ConvolutionTables {
  /** Floats that the step needs: a table of offsets, and the phases of the input where it has some. */
  floats: number;
  /** Of the table; the phases begin behind it. */
  tableFloats: number;
  /** Phases that are read, [dy, dx]. */
  phases: [number, number][];
  phaseRow: number;
  phaseRows: number;
  phasePlane: number;
}

const NO_PHASES = { phases: [], phaseRow: 0, phaseRows: 0, phasePlane: 0 };

/** Rows of phases that are made and read at a time, while they are in the cache, where they need nothing of those beside them. */
const BAND = 4;

/** Whether the kernel's cells fall apart into whole vectors, so that all phases are made at once. */
const inVectors = ({ kernel, stride, padding }: Conv): boolean =>
  stride === kernel && stride % 4 === 0 && padding === 0;

/** A convolution with a stride reads phases of its input: every stride-th row and column, in a map of its own. */
export function convolutionTables(operation: Conv, from: MapLayout, to: MapLayout): ConvolutionTables {
  const { kernel, stride } = operation;
  if (isWinograd(operation, from.channels, from.width)) {
    // Transformed tiles of a step, see winograd.ts.
    return { ...NO_PHASES, floats: 36 * 8 * (from.channels + 4) + 120, tableFloats: 0 };
  }
  const tableFloats = ((from.channels / operation.groups) * kernel ** 2 + 3) & ~3;
  if (inPlace(operation)) return { ...NO_PHASES, floats: tableFloats, tableFloats };
  const reach = Math.ceil(kernel / stride) - 1;
  const phaseRow = (to.width + reach + 3) & ~3;
  const phaseRows = inVectors(operation) ? Math.min(BAND, to.height) : to.height + reach;
  const phasePlane = phaseRow * phaseRows;
  const phases: [number, number][] = [];
  const count = Math.min(stride, kernel);
  for (let y = 0; y < count; y++) for (let x = 0; x < count; x++) phases.push([y, x]);
  const floats = tableFloats + from.channels * phases.length * phasePlane + 2 * OVERRUN;
  return { floats, tableFloats, phases, phaseRow, phaseRows, phasePlane };
}

function tapsStep({ machine, operation, from, to, index, scratch, low }: ConvolutionTask): () => void {
  const { kernels } = machine;
  const { kernel, stride, padding, groups } = operation;
  const { blocks } = machine.weights[index] as Extract<Machine["weights"][number], { blocks: unknown }>;
  const tables = convolutionTables(operation, from, to);
  const inputs = from.channels / groups;
  const taps = inputs * kernel ** 2;
  const here = inPlace(operation);
  const { phases, phaseRow, phaseRows, phasePlane } = tables;
  const perSide = Math.min(stride, kernel);
  const inputPlane = here ? from.plane : phases.length * phasePlane;
  const input = here ? from.address : scratch + 4 * tables.tableFloats;
  const offsets = new Int32Array(taps);
  for (let c = 0, t = 0; c < inputs; c++)
    for (let y = 0; y < kernel; y++)
      for (let x = 0; x < kernel; x++, t++) {
        const within = here
          ? (y - padding) * from.row + x - padding
          : ((y % stride) * perSide + (x % stride)) * phasePlane +
            Math.floor(y / stride) * phaseRow +
            Math.floor(x / stride);
        offsets[t] = 4 * (c * inputPlane + within);
      }
  const convolve = { 1: kernels.conv1, 2: kernels.conv2, 4: kernels.conv4 };
  // Where input and output have the same rows a plane is one long row.
  const [rows, width] = here ? [1, to.height * to.row] : [to.height, to.width];
  const inRow = here ? 0 : 4 * phaseRow;
  const outRow = here ? 0 : 4 * to.row;
  const clear = clearZeros(machine, to);
  const table = new Uint8Array(offsets.buffer);
  const makePhases = (): void => {
    phases.forEach(([dy, dx], p) => {
      for (let c = 0; c < from.channels; c++)
        kernels.phase(
          from.address + 4 * c * from.plane,
          input + 4 * (c * phases.length + p) * phasePlane,
          phaseRows,
          phaseRow,
          from.height,
          from.width,
          4 * from.row,
          4 * phaseRow,
          stride,
          dy - padding,
          dx - padding,
        );
    });
  };
  const makeBand = (y: number, count: number): void => {
    for (let c = 0; c < from.channels; c++)
      kernels.phases(
        from.address + 4 * (c * from.plane + y * stride * from.row),
        input + 4 * c * inputPlane,
        count,
        to.width,
        4 * from.row,
        4 * phaseRow,
        4 * phasePlane,
        stride,
      );
  };
  const convolveRows = (y: number, count: number): void => {
    for (const { outputs, firstOutput, firstInput, address } of blocks) {
      convolve[outputs](
        input + 4 * firstInput * inputs * inputPlane,
        scratch,
        taps,
        address,
        to.address + 4 * (firstOutput * to.plane + y * to.row),
        4 * to.plane,
        count,
        width,
        inRow,
        outRow,
        low,
      );
    }
  };
  const inBands = inVectors(operation);
  return () => {
    machine.bytes.set(table, scratch);
    if (inBands) {
      for (let y = 0; y < rows; y += phaseRows) {
        const count = Math.min(phaseRows, rows - y);
        makeBand(y, count);
        convolveRows(y, count);
      }
    } else {
      makePhases();
      convolveRows(0, rows);
    }
    clear();
  };
}
