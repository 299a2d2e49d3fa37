// The mimic loss in form "rois": regions max-pooled to a fixed grid.
import { mul, operator, slice, sub, sum, type Tensor } from "@qmimic/torch";
import { applyQuantizer, type Quantizer } from "../models/index.js";
import { decodeFeatures } from "./dictionary.js";
import { countMatches, type MatchCounts, NO_COUNTS } from "./match.js";
import { regionCells } from "./regions.js";

const adaptiveMaxPool = operator<Tensor[]>("aten::adaptive_max_pool2d");
const selectOf = operator("aten::select.int");
const stackOf = operator("aten::stack");

interface PooledForm {
  /** Input pixels per cell. */
  stride: number;
  /** The teacher's, and that of the prediction, perhaps "none". */
  quantizer: Quantizer;
  predictionQuantizer: Quantizer;
  /** Cells per side of a pooled region. */
  roiSize: number;
}

/** Both maps max-pooled to a fixed grid in each region: pooling commutes with Q, so all values stay in D. */
export function pooledLoss(
  prediction: Tensor,
  stored: Tensor,
  regions: readonly Float32Array[],
  { stride, quantizer, predictionQuantizer, roiSize }: PooledForm,
): { loss: Tensor; counts: MatchCounts } {
  const [, , height, width] = prediction.shape;
  const target = decodeFeatures(stored, quantizer);
  const rounded = applyQuantizer(prediction, predictionQuantizer);
  const pool = (map: Tensor) => {
    const pooled = regions.flatMap((list, image) => {
      const imageMap = selectOf(map, 0, image);
      return Array.from({ length: list.length / 4 }, (_, i) => {
        const box = regionCells(list.subarray(4 * i, 4 * i + 4), stride, height, width);
        const part = slice(slice(imageMap, 1, box.y0, box.y1), 2, box.x0, box.x1);
        return adaptiveMaxPool(part, [roiSize, roiSize])[0];
      });
    });
    return stackOf(pooled);
  };
  const count = regions.reduce((all, list) => all + list.length / 4, 0);
  if (count === 0) return { loss: mul(sum(prediction), 0), counts: NO_COUNTS };
  const pooled = pool(rounded);
  const pooledTarget = pool(target);
  const gap = sub(pooled, pooledTarget);
  const loss = mul(sum(mul(gap, gap)), 1 / (2 * pooled.size));
  if (predictionQuantizer.kind === "none") return { loss, counts: NO_COUNTS };
  return { loss, counts: countMatches(pooled, pooledTarget) };
}
