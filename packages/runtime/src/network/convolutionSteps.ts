// Convolution steps: Winograd's algorithm, or tap by tap over the input or its phases.
import type { Conv } from "../model/operations.js";
import type { Machine } from "./machine.js";
import { type MapLayout, multipleOf4, OVERRUN } from "./memory.js";
import { isWinograd, winogradParts } from "./packing.js";
import type { PlacedMap } from "./plan.js";
import { clearZeros } from "./zeros.js";

/** Whether the output has the same cells as the input, so that the kernel can read the input in place. */
const inPlace = ({ kernel, stride, padding }: Conv): boolean => stride === 1 && 2 * padding === kernel - 1;

/** A convolution with its placed maps. */
interface ConvolutionTask {
  machine: Machine;
  operation: Conv;
  from: PlacedMap;
  to: PlacedMap;
  /** The operation's index in the network. */
  index: number;
  /** Address of the floats requested by convolutionTables. */
  scratch: number;
  /** Lower bound of the output. */
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
  /** Scratch memory of the step, in floats: a table of offsets, and the phases of the input, if any. */
  floats: number;
  /** Size of the table, in floats; the phases follow it. */
  tableFloats: number;
  /** The phases used, [dy, dx]. */
  phases: [number, number][];
  phaseRow: number;
  phaseRows: number;
  phasePlane: number;
}

const NO_PHASES = { phases: [], phaseRow: 0, phaseRows: 0, phasePlane: 0 };

/**
 * Rows of phases computed and read at a time so that they stay in the cache, if rows do not depend on their
 * neighbours.
 */
const BAND = 4;

/** Whether windows do not overlap and consist of whole vectors, so that all phases are computed at once. */
const inVectors = ({ kernel, stride, padding }: Conv): boolean =>
  stride === kernel && stride % 4 === 0 && padding === 0;

/** A strided convolution reads phases of its input: every stride-th row and column, as a separate map. */
export function convolutionTables(operation: Conv, from: MapLayout, to: MapLayout): ConvolutionTables {
  const { kernel, stride } = operation;
  if (isWinograd(operation, from.channels, from.width)) {
    // The transformed tiles of a step, see winograd.ts.
    return { ...NO_PHASES, floats: 36 * 8 * (from.channels + 4) + 120, tableFloats: 0 };
  }
  const tableFloats = multipleOf4((from.channels / operation.groups) * kernel ** 2);
  if (inPlace(operation)) return { ...NO_PHASES, floats: tableFloats, tableFloats };
  const reach = Math.ceil(kernel / stride) - 1;
  const phaseRow = multipleOf4(to.width + reach);
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
  const readsInPlace = inPlace(operation);
  const { phases, phaseRow, phaseRows, phasePlane } = tables;
  const perSide = Math.min(stride, kernel);
  const inputPlane = readsInPlace ? from.plane : phases.length * phasePlane;
  const input = readsInPlace ? from.address : scratch + 4 * tables.tableFloats;
  const offsets = new Int32Array(taps);
  for (let c = 0, t = 0; c < inputs; c++)
    for (let y = 0; y < kernel; y++)
      for (let x = 0; x < kernel; x++, t++) {
        const within = readsInPlace
          ? (y - padding) * from.row + x - padding
          : ((y % stride) * perSide + (x % stride)) * phasePlane +
            Math.floor(y / stride) * phaseRow +
            Math.floor(x / stride);
        offsets[t] = 4 * (c * inputPlane + within);
      }
  const convolve = { 1: kernels.conv1, 2: kernels.conv2, 4: kernels.conv4 };
  // If input and output have the same row layout, a plane is processed as one long row.
  const [rows, width] = readsInPlace ? [1, to.height * to.row] : [to.height, to.width];
  const inRow = readsInPlace ? 0 : 4 * phaseRow;
  const outRow = readsInPlace ? 0 : 4 * to.row;
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
