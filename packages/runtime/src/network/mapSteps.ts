// Operations on maps as steps: addresses are worked out once, a step only calls kernels.
import type { Model } from "../model/model.js";
import type { Conv } from "../model/operations.js";
import type { Machine } from "./machine.js";
import { type MapLayout, OVERRUN } from "./memory.js";
import { isWinograd, winogradParts } from "./packing.js";
import type { PlacedMap, Plan } from "./plan.js";

const LOWEST = Number.NEGATIVE_INFINITY;

/** @param scratch address of what convolutionTables asked for */
export function mapStep(
  model: Model,
  machine: Machine,
  plan: Plan,
  index: number,
  scratch: number,
): () => void {
  const { kernels } = machine;
  const operation = model.operations[index];
  const from = plan.maps[operation.input]!;
  const to = plan.maps[index + 1]!;
  const [inRow, outRow] = [4 * from.row, 4 * to.row];
  const low = "relu" in operation && operation.relu ? 0 : LOWEST;
  /** Of one plane after another: `body` gets their addresses. */
  const eachPlane = (body: (input: number, output: number) => void): (() => void) => {
    const clear = clearZeros(machine, to);
    return () => {
      for (let c = 0; c < to.channels; c++)
        body(from.address + 4 * c * from.plane, to.address + 4 * c * to.plane);
      clear();
    };
  };
  switch (operation.op) {
    case "conv":
      if (isWinograd(operation, from.channels, from.width))
        return winogradStep(machine, from, to, index, scratch, low);
      return convolutionStep(model, machine, plan, index, scratch);
    case "maxPool": {
      const { kernel, stride, padding } = operation;
      const { height, width } = to;
      if (kernel === 2 && stride === 2 && padding === 0)
        return eachPlane((input, output) => kernels.halve(input, output, height, width, inRow, outRow));
      return eachPlane((input, output) =>
        kernels.maxPool(
          input,
          output,
          height,
          width,
          from.height,
          from.width,
          inRow,
          outRow,
          kernel,
          stride,
          padding,
        ),
      );
    }
    case "upsample": {
      const { height, width } = from;
      return eachPlane((input, output) =>
        kernels.upsample(input, output, height, width, operation.factor, inRow, outRow),
      );
    }
    case "add": {
      const other = plan.maps[operation.other]!;
      const start = 4 * from.lead;
      const bytes = 4 * (from.size - OVERRUN);
      return () => kernels.add(from.address - start, other.address - start, to.address - start, bytes, low);
    }
    default:
      return eachNumber(
        machine,
        operation,
        from.address - 4 * from.lead,
        to.address - 4 * to.lead,
        from.size - OVERRUN,
      );
  }
}

/** Operations that change each number by itself, over `count` floats (a multiple of 4): the zeros between rows stay zeros. */
export function eachNumber(
  machine: Machine,
  operation: Model["operations"][number],
  from: number,
  to: number,
  count: number,
): () => void {
  switch (operation.op) {
    case "round":
      return () => machine.kernels.round(from, to, 4 * count, operation.step);
    case "exp":
      return () => machine.kernels.exp(from, to, 4 * count, operation.max);
    case "roundPow2":
      return () => {
        const { floats } = machine;
        const { min, max } = operation;
        for (let i = 0; i < count; i++) floats[to / 4 + i] = roundPow2(floats[from / 4 + i], min, max);
      };
    default:
      throw new Error(`${operation.op} is not an operation of single numbers`);
  }
}

/** Nearest entry of {0, 2^min, ..., 2^max}, ties down. */
export function roundPow2(value: number, min: number, max: number): number {
  if (Number.isNaN(value)) return value;
  if (!(value > 2 ** (min - 1))) return 0;
  const lower = Math.floor(Math.log2(value));
  return 2 ** Math.max(min, Math.min(max, value > 1.5 * 2 ** lower ? lower + 1 : lower));
}

/** Restores the zeros before, between and behind the rows of a map: memory is used again and again, and whole vectors are written. */
function clearZeros({ kernels }: Machine, map: PlacedMap): () => void {
  const { address, lead, channels, height, width, row, plane, size } = map;
  const pad = row - width;
  const used = 4 * height * row;
  const gap = 4 * (plane - height * row);
  const first = address - 4 * lead;
  const tail = address + 4 * channels * plane;
  const tailSize = first + 4 * size - tail;
  return () => {
    kernels.clear(first, 4 * lead);
    for (let c = 0; c < channels; c++) {
      const start = address + 4 * c * plane;
      kernels.clearPads(start, height, width, pad);
      kernels.clear(start + used, gap);
    }
    kernels.clear(tail, tailSize);
  };
}

/** Whether a convolution reads its input where it lies: its output has the same cells. */
const inPlace = ({ kernel, stride, padding }: Conv): boolean => stride === 1 && 2 * padding === kernel - 1;

function winogradStep(
  machine: Machine,
  from: PlacedMap,
  to: PlacedMap,
  index: number,
  scratch: number,
  low: number,
): () => void {
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
    const floats = 36 * 8 * (from.channels + 4) + 120;
    return { floats, tableFloats: 0, phases: [], phaseRow: 0, phaseRows: 0, phasePlane: 0 };
  }
  const tableFloats = ((from.channels / operation.groups) * kernel ** 2 + 3) & ~3;
  if (inPlace(operation))
    return { floats: tableFloats, tableFloats, phases: [], phaseRow: 0, phaseRows: 0, phasePlane: 0 };
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

function convolutionStep(
  model: Model,
  machine: Machine,
  plan: Plan,
  index: number,
  scratch: number,
): () => void {
  const { kernels } = machine;
  const operation = model.operations[index] as Conv;
  const { kernel, stride, padding, groups, relu } = operation;
  const from = plan.maps[operation.input]!;
  const to = plan.maps[index + 1]!;
  const { blocks } = machine.weights[index] as Extract<Machine["weights"][number], { blocks: unknown }>;
  const tables = convolutionTables(operation, from, to);
  const low = relu ? 0 : LOWEST;
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
