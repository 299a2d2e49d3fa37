// Shapes of all values of a list of operations.
import { fail } from "./errors.js";
import type { Operation } from "./operations.js";

export interface Shape {
  channels: number;
  height: number;
  width: number;
  /** Whether there is one such value per region. */
  regions: boolean;
}

/** Width and height of an input for a picture of any size, to compute things that do not depend on the size. */
export const nominalSide = (grid: number): number => grid * Math.ceil(256 / grid);

/**
 * Shapes of the picture and of every operation's result.
 * @param height, width of the picture
 * @throws ModelError if an operation does not fit its input
 */
export function inferShapes(operations: readonly Operation[], height: number, width: number): Shape[] {
  const shapes: Shape[] = [{ channels: 3, height, width, regions: false }];
  operations.forEach((operation, i) => {
    const where = `operation ${i}, ${operation.op}`;
    const from = shapes[operation.input];
    const shape = resultOf(operation, from, shapes, where);
    if (shape.height < 1 || shape.width < 1)
      fail(`${where}: its result has no cells, for an input of ${from.height} x ${from.width} cells`);
    shapes.push(shape);
  });
  return shapes;
}

function resultOf(operation: Operation, from: Shape, shapes: readonly Shape[], where: string): Shape {
  const side = (length: number, kernel: number, stride: number, padding: number) =>
    Math.floor((length + 2 * padding - kernel) / stride) + 1;
  const requireMap = () => from.regions && fail(`${where}: reads regions, expected a map`);
  switch (operation.op) {
    case "conv":
    case "maxPool": {
      requireMap();
      const { kernel, stride, padding } = operation;
      if (operation.op === "maxPool" && 2 * padding > kernel)
        fail(`${where}: padding ${padding}, expected at most half of kernel ${kernel}`);
      const channels = operation.op === "conv" ? operation.channels : from.channels;
      if (operation.op === "conv") {
        const { groups } = operation;
        if (channels % groups !== 0 || from.channels % groups !== 0)
          fail(
            `${where}: ${from.channels} to ${channels} channels in ${groups} groups, expected multiples of ${groups}`,
          );
      }
      const [height, width] = [from.height, from.width].map((length) =>
        side(length, kernel, stride, padding),
      );
      return { channels, height, width, regions: false };
    }
    case "add": {
      const other = shapes[operation.other];
      const same = (["channels", "height", "width", "regions"] as const).every(
        (key) => from[key] === other[key],
      );
      if (!same) fail(`${where}: values ${operation.input} and ${operation.other} differ in shape`);
      return from;
    }
    case "upsample":
      requireMap();
      return { ...from, height: from.height * operation.factor, width: from.width * operation.factor };
    case "round":
    case "exp":
      return from;
    case "roundPow2":
      if (operation.min > operation.max) fail(`${where}: min ${operation.min} is above max ${operation.max}`);
      return from;
    case "roiAlign":
      requireMap();
      return { channels: from.channels, height: operation.size, width: operation.size, regions: true };
    case "psRoiAlign": {
      requireMap();
      const cells = operation.size ** 2;
      if (from.channels % cells !== 0)
        fail(`${where}: ${from.channels} channels, expected a multiple of ${cells}`);
      return { channels: from.channels / cells, height: 1, width: 1, regions: true };
    }
    case "linear":
      if (!from.regions) fail(`${where}: reads a map, expected regions`);
      return { channels: operation.channels, height: 1, width: 1, regions: true };
  }
}

/** The number of weights and of biases of an operation. */
export function parametersOf(operation: Operation, from: Shape): { weights: number; biases: number } {
  switch (operation.op) {
    case "conv": {
      const { channels, kernel, groups } = operation;
      return { weights: ((channels * from.channels) / groups) * kernel ** 2, biases: channels };
    }
    case "linear": {
      const { channels } = operation;
      return { weights: channels * from.channels * from.height * from.width, biases: channels };
    }
    default:
      return { weights: 0, biases: 0 };
  }
}
