// Steps for operations on maps: addresses are computed once, so that a step only calls kernels.
import type { Operation } from "../model/operations.js";
import { convolutionStep } from "./convolutionSteps.js";
import type { Machine } from "./machine.js";
import { OVERRUN } from "./memory.js";
import type { Plan } from "./plan.js";
import { roundPow2 } from "./roundPow2.js";
import { clearZeros } from "./zeros.js";

const LOWEST = Number.NEGATIVE_INFINITY;

/** @param scratch address of the floats requested by convolutionTables */
export function mapStep(machine: Machine, plan: Plan, index: number, scratch: number): () => void {
  const { kernels } = machine;
  const operation = machine.model.operations[index];
  const from = plan.maps[operation.input]!;
  const to = plan.maps[index + 1]!;
  const [inRow, outRow] = [4 * from.row, 4 * to.row];
  const low = "relu" in operation && operation.relu ? 0 : LOWEST;
  /** Calls `body` with the addresses of each plane. */
  const eachPlane = (body: (input: number, output: number) => void): (() => void) => {
    const clear = clearZeros(machine, to);
    return () => {
      for (let c = 0; c < to.channels; c++)
        body(from.address + 4 * c * from.plane, to.address + 4 * c * to.plane);
      clear();
    };
  };
  switch (operation.op) {
    case "conv": {
      const convolve = convolutionStep({ machine, operation, from, to, index, scratch, low });
      if (operation.step === 0) return convolve;
      // The zeros around the map stay 0.
      const start = to.address - 4 * to.lead;
      return () => {
        convolve();
        kernels.roundSteps(start, 4 * (to.size - OVERRUN), operation.step);
      };
    }
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
    default: {
      const run = eachNumber(machine, operation, from.address - 4 * from.lead, to.address - 4 * to.lead);
      // e^0 is 1, also around the map.
      const clear = operation.op === "exp" ? clearZeros(machine, to) : () => {};
      return () => {
        run(from.size - OVERRUN);
        clear();
      };
    }
  }
}

/** Elementwise operations on a number of floats (a multiple of 4), including the zeros between rows. */
export function eachNumber(
  machine: Machine,
  operation: Operation,
  from: number,
  to: number,
): (count: number) => void {
  switch (operation.op) {
    case "round":
      return (count) => machine.kernels.round(from, to, 4 * count, operation.step);
    case "exp":
      return (count) => machine.kernels.exp(from, to, 4 * count, operation.max);
    case "roundPow2":
      return (count) => {
        const { floats } = machine;
        const { min, max } = operation;
        for (let i = 0; i < count; i++) floats[to / 4 + i] = roundPow2(floats[from / 4 + i], min, max);
      };
    default:
      throw new Error(`${operation.op} is not an elementwise operation`);
  }
}
