// Steps of a network's first layers on bytes. Their maps are in one block of memory: rows of cells, each map surrounded
// by the cells outside a picture, or zeros.
import type { Size } from "../decode/keepBest.js";
import { MAX_LEVEL } from "../model/operations.js";
import type { Machine } from "./machine.js";
import { layOutMap, type MapLayout } from "./memory.js";
import type { PlacedMap } from "./plan.js";
import { clearZeros } from "./zeros.js";

export interface StemPlan {
  /** The input, and the result of each convolution and pooling; in floats, one channel. */
  maps: MapLayout[];
  /** Floats of all maps. */
  size: number;
}

/** Floats on each side of a row: a cell of 4 channels, or two of 2. */
const PAD = 1;

/** @returns undefined if a row of any map does not consist of whole floats, or pooling would leave out cells */
export function planStem({ stem }: Machine, { width, height }: Size): StemPlan | undefined {
  if (!stem) return undefined;
  const maps: MapLayout[] = [];
  const add = (size: number): boolean => {
    maps.push(layOutMap({ channels: 1, height, width: (width * size) / 4, regions: false }, PAD));
    return (width * size) % 4 === 0;
  };
  if (!add(4)) return undefined;
  for (const { to, pool } of stem.layers) {
    if (!add(to)) return undefined;
    if (!pool) continue;
    if (width % 2 !== 0 || height % 2 !== 0) return undefined;
    width /= 2;
    height /= 2;
    if (!add(to)) return undefined;
  }
  return { maps, size: maps.reduce((sum, { size }) => sum + size, 0) };
}

/** Maps from an address on. */
export function placeStem({ maps }: StemPlan, address: number): PlacedMap[] {
  let at = address;
  return maps.map((map) => {
    const placed = { ...map, address: at + 4 * map.lead };
    at += 4 * map.size;
    return placed;
  });
}

/**
 * @param to the map, of floats, that the last layer computes
 * @param input the input's, if other operations read it too
 */
export function stemSteps(
  machine: Machine,
  maps: readonly PlacedMap[],
  to: PlacedMap,
  input: PlacedMap | undefined,
): (() => void)[] {
  const { kernels, weights, layers, step } = machine.stem!;
  const { mean, std } = machine.model.input;
  const steps: (() => void)[] = [];
  /** Copies a map of bytes to one of floats, channel c as factor * byte + shift. */
  const unpack = (
    from: PlacedMap,
    result: PlacedMap,
    size: number,
    stepOf: (c: number) => number[],
  ): void => {
    const clear = clearZeros(machine, result);
    const { height, width } = result;
    steps.push(() => {
      for (let c = 0; c < result.channels; c++) {
        const output = result.address + 4 * c * result.plane;
        const [factor, shift] = stepOf(c);
        kernels.floatsOfBytes(
          from.address + c,
          output,
          height,
          width,
          size,
          4 * from.row,
          4 * result.row,
          factor,
          shift,
        );
      }
      clear();
    });
  };
  if (input) unpack(maps[0], input, 4, (c) => [1 / (MAX_LEVEL * std[c]), -mean[c] / std[c]]);
  let next = 0;
  layers.forEach(({ from: fromSize, to: toSize, pool }, i) => {
    const [from, result] = maps.slice(next, next + 2);
    const kernel = kernels[`bytes${fromSize}to${toSize}`];
    const cells = (4 * result.width) / toSize;
    const start = from.address - 4 * from.row - fromSize;
    steps.push(() =>
      kernel(start, weights[i], result.address, result.height, cells, 4 * from.row, 4 * result.row),
    );
    next++;
    // Pooling does not read what is around its input.
    if (!pool) {
      steps.push(clearZeros(machine, result));
      return;
    }
    const pooled = maps[next + 1];
    const clearPooled = clearZeros(machine, pooled);
    const pooledCells = (4 * pooled.width) / toSize;
    steps.push(() => {
      kernels.poolBytes(
        result.address,
        pooled.address,
        pooled.height,
        pooledCells,
        toSize,
        4 * result.row,
        4 * pooled.row,
      );
      clearPooled();
    });
    next++;
  });
  unpack(maps[next], to, layers[layers.length - 1].to, () => [step, 0]);
  return steps;
}

/** Fills the cells around a picture of this size. */
export function fillOutside({ bytes, stem }: Machine, map: PlacedMap, { width, height }: Size): void {
  const cells = new Int32Array(bytes.buffer, map.address - 4 * map.lead, map.size);
  const { outside } = stem!;
  cells.fill(outside, 0, map.lead);
  for (let y = 0; y < height; y++) {
    const row = map.lead + y * map.row;
    cells.fill(outside, row + width, row + map.row);
  }
  cells.fill(outside, map.lead + height * map.row);
}
