// What is done for pictures of one size: where every value lies, and the list of steps.
import type { Size } from "../decode/keepBest.js";
import type { Model } from "../model/model.js";
import type { Shape } from "../model/shapes.js";
import { convolutionTables } from "./convolutionSteps.js";
import type { Machine } from "./machine.js";
import { mapStep } from "./mapSteps.js";
import { layOutMap, type MapLayout, placeTenants, type Tenant } from "./memory.js";
import { mostRegions, planShapes, type Value } from "./network.js";
import { regionScratch, regionStep } from "./regionSteps.js";
import { type RowLayout, rowLayouts } from "./rows.js";

/** A map in memory: the address of its first plane, in bytes. */
export interface PlacedMap extends MapLayout {
  address: number;
}

export interface PlacedRows extends RowLayout {
  address: number;
}

export interface Plan {
  canvas: Size;
  shapes: readonly Shape[];
  maps: readonly (PlacedMap | undefined)[];
  rows: readonly (PlacedRows | undefined)[];
  /** Nothing is planned beyond this byte. */
  end: number;
  mapSteps: (() => void)[];
  regionSteps: ((regions: Float32Array) => void)[];
}

/** Zeros that convolutions read beyond an edge of a map, at most: those whose output is as large as their input read in place. */
const padOf = ({ operations }: Model): number =>
  operations.reduce(
    (most, operation) => (operation.op === "conv" ? Math.max(most, operation.padding) : most),
    1,
  );

export function planNetwork(model: Model, machine: Machine, canvas: Size): Plan {
  const { operations } = model;
  const shapes = planShapes(operations, canvas, mostRegions(model));
  const pad = padOf(model);
  const layouts = shapes.map((shape) => (shape.regions ? undefined : layOutMap(shape, pad)));
  const orders = rowLayouts(operations, shapes);
  const regions = mostRegions(model) + 1;

  // Steps on maps come first, those of regions after all of them.
  const time = (value: number): number =>
    value === 0 ? -1 : value - 1 + (shapes[value].regions ? operations.length : 0);
  const kept = new Set([...model.outputs, model.features]);
  const last = shapes.map((_, value) => (kept.has(value) ? 2 * operations.length : time(value)));
  operations.forEach((operation, i) => {
    const reads = operation.op === "add" ? [operation.input, operation.other] : [operation.input];
    for (const value of reads) last[value] = Math.max(last[value], time(i + 1));
  });
  const tenants: Tenant[] = shapes.map((_, value) => ({
    size: layouts[value]?.size ?? orders[value]!.order.length * regions,
    from: time(value),
    to: last[value],
  }));
  // Behind the values: what a step needs for itself.
  operations.forEach((operation, i) => {
    const from = layouts[operation.input];
    const size =
      operation.op === "conv"
        ? convolutionTables(operation, from!, layouts[i + 1]!).floats
        : regionScratch(operation, from, mostRegions(model));
    tenants.push({ size, from: time(i + 1), to: time(i + 1) });
  });
  const { places, size } = placeTenants(tenants);
  const addressOf = (tenant: number): number => machine.free + 4 * places[tenant];

  const plan: Plan = {
    canvas,
    shapes,
    maps: layouts.map(
      (layout, value) => layout && { ...layout, address: addressOf(value) + 4 * layout.lead },
    ),
    rows: orders.map((order, value) => order && { ...order, address: addressOf(value) }),
    end: machine.free + 4 * size,
    mapSteps: [],
    regionSteps: [],
  };
  machine.reserve(plan.end);
  operations.forEach((_, i) => {
    const scratch = addressOf(shapes.length + i);
    if (shapes[i + 1].regions) plan.regionSteps.push(regionStep(model, machine, plan, i, scratch));
    else plan.mapSteps.push(mapStep(model, machine, plan, i, scratch));
  });
  return plan;
}

/** Maps without the zeros between their rows, behind the plan: until the next picture is drawn, or others are read. */
export function readMaps(plan: Plan, machine: Machine, values: readonly number[]): Value[] {
  const { maps, shapes, end } = plan;
  const sizes = values.map((value) => {
    const { channels, height, width } = shapes[value];
    return channels * height * width;
  });
  // Whole vectors are written.
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
  const { order, size, address } = rows[value]!;
  const data = new Float32Array(count * size);
  for (let i = 0; i < count; i++) {
    const from = address / 4 + i * order.length;
    order.forEach((to, k) => {
      if (to >= 0) data[i * size + to] = floats[from + k];
    });
  }
  return { ...shapes[value], data };
}
