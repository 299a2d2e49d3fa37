// The plan for pictures of one size: the memory layout of all values, and the list of steps.
import type { Size } from "../decode/keepBest.js";
import { fail } from "../model/errors.js";
import type { Model } from "../model/model.js";
import type { Shape } from "../model/shapes.js";
import type { Filters } from "../picture/pixels.js";
import { convolutionTables } from "./convolutionSteps.js";
import type { Machine } from "./machine.js";
import { mapStep } from "./mapSteps.js";
import { layOutMap, type MapLayout, placeTenants, type Tenant } from "./memory.js";
import { MAX_ELEMENTS, maxRegions, planShapes, type Value } from "./network.js";
import { regionScratch, regionStep } from "./regionSteps.js";
import { type RowLayout, rowLayouts } from "./rows.js";
import { placeStem, planStem, stemSteps } from "./stemSteps.js";

/** A map in memory. */
export interface PlacedMap extends MapLayout {
  /** Of its first plane, in bytes. */
  address: number;
}

export interface PlacedRows extends RowLayout {
  address: number;
}

export interface Plan {
  shapes: readonly Shape[];
  maps: readonly (PlacedMap | undefined)[];
  rows: readonly (PlacedRows | undefined)[];
  /** The input of the first layers if they are computed with bytes: one channel, four bytes a pixel. */
  byteInput?: PlacedMap;
  /** Address of the first byte after the planned memory. */
  end: number;
  mapSteps: (() => void)[];
  regionSteps: ((regions: Float32Array) => void)[];
  /** Of the last picture drawn. */
  filters?: Filters;
}

/** The maximum number of zeros that in-place convolutions read past an edge of a map. */
const padOf = ({ operations }: Model): number =>
  operations.reduce(
    (max, operation) => (operation.op === "conv" ? Math.max(max, operation.padding) : max),
    1,
  );

export function planNetwork(machine: Machine, canvas: Size): Plan {
  const { model } = machine;
  const { operations } = model;
  const shapes = planShapes(operations, canvas, maxRegions(model));
  const pad = padOf(model);
  const layouts = shapes.map((shape) => (shape.regions ? undefined : layOutMap(shape, pad)));
  const rowsOf = rowLayouts(operations, shapes);
  const regions = maxRegions(model) + 1;

  // All steps on maps precede all steps on regions.
  const time = (value: number): number =>
    value === 0 ? -1 : value - 1 + (shapes[value].regions ? operations.length : 0);
  const kept = new Set([...model.outputs, model.features]);
  const last = shapes.map((_, value) => (kept.has(value) ? 2 * operations.length : time(value)));
  operations.forEach((operation, i) => {
    const reads = operation.op === "add" ? [operation.input, operation.other] : [operation.input];
    for (const value of reads) last[value] = Math.max(last[value], time(i + 1));
  });
  const stem = planStem(machine, canvas);
  /** Values before this one are computed with bytes. */
  const firstFloat = stem ? machine.stem!.value : 0;
  const tenants: Tenant[] = shapes.map((_, value) => {
    const asBytes = value < firstFloat && !(value === 0 && machine.stem!.sharesInput);
    return {
      size: asBytes ? 0 : (layouts[value]?.size ?? rowsOf[value]!.floats * regions),
      from: time(value),
      to: last[value],
    };
  });
  // After the values: the scratch memory of each step.
  operations.forEach((operation, i) => {
    const from = layouts[operation.input];
    const size =
      i < firstFloat
        ? 0
        : operation.op === "conv"
          ? convolutionTables(operation, from!, layouts[i + 1]!).floats
          : regionScratch(operation, from, maxRegions(model));
    tenants.push({ size, from: time(i + 1), to: time(i + 1) });
  });
  if (stem) tenants.push({ size: stem.size, from: -1, to: time(firstFloat) });
  const { places, size } = placeTenants(tenants);
  if (size > MAX_ELEMENTS)
    fail(
      `an input of ${canvas.width} x ${canvas.height} pixels needs ${Math.round(size / 2 ** 18)} MiB of memory with the padding of its maps, expected at most ${MAX_ELEMENTS / 2 ** 18}: use a smaller side`,
    );
  const addressOf = (tenant: number): number => machine.free + 4 * places[tenant];

  const plan: Plan = {
    shapes,
    maps: layouts.map(
      (layout, value) => layout && { ...layout, address: addressOf(value) + 4 * layout.lead },
    ),
    rows: rowsOf.map((row, value) => row && { ...row, address: addressOf(value) }),
    end: machine.free + 4 * size,
    mapSteps: [],
    regionSteps: [],
  };
  machine.reserve(plan.end);
  if (stem) {
    const maps = placeStem(stem, addressOf(tenants.length - 1));
    plan.byteInput = maps[0];
    const input = machine.stem!.sharesInput ? plan.maps[0]! : undefined;
    plan.mapSteps.push(...stemSteps(machine, maps, plan.maps[firstFloat]!, input));
  }
  operations.forEach((_, i) => {
    if (i < firstFloat) return;
    const scratch = addressOf(shapes.length + i);
    if (shapes[i + 1].regions) plan.regionSteps.push(regionStep(machine, plan, i, scratch));
    else plan.mapSteps.push(mapStep(machine, plan, i, scratch));
  });
  return plan;
}

/**
 * Copies maps, without padding, to the memory after the plan. Valid until the next picture is drawn, maps are read, or boxes suppressed.
 */
export function readMaps(plan: Plan, machine: Machine, values: readonly number[]): Value[] {
  const { maps, shapes, end } = plan;
  const sizes = values.map((value) => {
    const { channels, height, width } = shapes[value];
    return channels * height * width;
  });
  // Space for 4 more floats, because whole vectors are written.
  machine.reserve(end + 4 * sizes.reduce((sum, size) => sum + size + 4, 0));
  let next = end;
  return values.map((value, i) => {
    const { address, plane, row } = maps[value]!;
    const { channels, height, width } = shapes[value];
    const at = next;
    next += 4 * (sizes[i] + 4);
    const finite = machine.kernels.unpad(address, at, channels, height, width, 4 * plane, 4 * row) === 1;
    return { ...shapes[value], data: machine.floats.subarray(at / 4, at / 4 + sizes[i]), finite };
  });
}

/** A copy of the first `count` rows, as [count, channels, height, width]. */
export function readRows({ rows, shapes }: Plan, { floats }: Machine, value: number, count: number): Value {
  const { channels, cells, padded, floats: row, address } = rows[value]!;
  const data = new Float32Array(count * channels * cells);
  for (let i = 0, k = 0; i < count; i++)
    for (let c = 0; c < channels; c++)
      for (let cell = 0; cell < cells; cell++, k++)
        data[k] = floats[address / 4 + i * row + cell * padded + c];
  return { ...shapes[value], data };
}
