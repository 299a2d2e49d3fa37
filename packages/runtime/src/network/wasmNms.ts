// geometry/nms.ts with the kernel.
import { checkCandidates, nms } from "../geometry/nms.js";
import { singleAtMost } from "../geometry/single.js";
import type { Machine } from "./machine.js";
import { blocksFrom } from "./memory.js";

/** From about here on, only comparing with boxes nearby takes less time than comparing with all, four at a time. */
const MANY = 1000;

/** @param free the address of memory that it may overwrite */
export const wasmNms =
  (machine: Machine, free: () => number): typeof nms =>
  (candidates, iouThreshold, limit = Number.POSITIVE_INFINITY) => {
    checkCandidates(candidates, iouThreshold);
    const { boxes, order, labels } = candidates;
    const most = Math.min(order.length, limit);
    if (most > MANY) return nms(candidates, iouThreshold, limit);
    const { allocate, end } = blocksFrom(free());
    const addresses = {
      boxes: allocate(boxes.byteLength),
      order: allocate(order.byteLength),
      labels: labels && allocate(labels.byteLength),
      kept: allocate(4 * most),
      groups: allocate(24 * (most + 3)),
    };
    machine.reserve(end());
    const { kernels, floats } = machine;
    const integers = new Int32Array(floats.buffer);
    floats.set(boxes, addresses.boxes / 4);
    integers.set(order, addresses.order / 4);
    if (labels) integers.set(labels, addresses.labels! / 4);
    const count = kernels.suppress(
      addresses.boxes,
      addresses.order,
      order.length,
      addresses.labels ?? 0,
      singleAtMost(iouThreshold),
      most,
      addresses.kept,
      addresses.groups,
    );
    return integers.slice(addresses.kept / 4, addresses.kept / 4 + count);
  };
