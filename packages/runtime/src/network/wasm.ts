// Runs the operations with the kernels of packages/runtime/wasm. There is a plan for each input size.
import type { Model } from "../model/model.js";
import { nominalSide } from "../model/shapes.js";
import { createMachine } from "./machine.js";
import { maxRegions, type Network, planShapes } from "./network.js";
import { type Plan, planNetwork, readMaps, readRows } from "./plan.js";
import { wasmNms } from "./wasmNms.js";
import { drawIntoPlanes } from "./wasmPicture.js";

/** Plans share the memory, so they are small. Photographs have few different shapes. */
const MAX_PLANS = 8;

/** @throws without WebAssembly SIMD; ModelError if even a small picture needs too much memory */
export async function createWasmNetwork(model: Model): Promise<Network> {
  const side = nominalSide(model.input.grid);
  const shapes = planShapes(model.operations, { width: side, height: side }, maxRegions(model));
  const machine = await createMachine(model, shapes);
  const plans = new Map<string, Plan>();
  let plan: Plan | undefined;
  return {
    draw(picture, placement) {
      const { width, height } = placement.canvas;
      const key = `${width} x ${height}`;
      plan = plans.get(key) ?? planNetwork(machine, placement.canvas);
      // The last one used is the last in the map.
      plans.delete(key);
      plans.set(key, plan);
      if (plans.size > MAX_PLANS) plans.delete(plans.keys().next().value!);
      drawIntoPlanes(machine, plan, picture, placement);
    },
    runMaps(wanted) {
      for (const step of plan!.mapSteps) step();
      return readMaps(plan!, machine, wanted);
    },
    readMap(value) {
      const [map] = readMaps(plan!, machine, [value]);
      return { ...map, data: map.data.slice() };
    },
    runRegions(regions, wanted) {
      for (const step of plan!.regionSteps) step(regions);
      return wanted.map((value) => readRows(plan!, machine, value, regions.length / 4));
    },
    nms: wasmNms(machine, () => plan!.end),
  };
}
