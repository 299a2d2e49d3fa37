// Feature maps as small whole numbers (the index of each entry in the quantizer's dictionary), and back.
import { add, cast, indexSelect, mul, operator, reshape, sum, type Tensor, tensor } from "@qmimic/torch";
import { InputError } from "../errors.js";
import type { Quantizer } from "../models/index.js";
import { applyQuantizer } from "../models/index.js";
import { quantizeCodes } from "../native/quantize.js";

const log2Of = operator("aten::log2");
const roundOf = operator("aten::round");
const greaterThan = operator("aten::gt.Scalar");
const whereScalar = operator("aten::where.ScalarOther");

/** How a teacher's maps are kept: dictionary indices in bytes, or half-precision numbers without a quantizer. */
export const storedDtype = (quantizer: Quantizer) => (quantizer.kind === "none" ? "float16" : "uint8");

/** Features -> what is kept of them. @throws InputError when a feature is NaN or infinite, or too large to be kept */
export function encodeFeatures(features: Tensor, quantizer: Quantizer): Tensor {
  if (quantizer.kind === "none") {
    const half = cast(features, "float16");
    checkFinite(cast(half, "float32"));
    return half;
  }
  // The code of NaN would be 0, as if nothing were there.
  checkFinite(features);
  switch (quantizer.kind) {
    case "uniform":
      return quantizeCodes(features, quantizer.stride);
    case "power-of-two": {
      const entries = applyQuantizer(features, quantizer);
      const index = add(roundOf(log2Of(entries)), 1 - quantizer.minExponent);
      // log2(0) is minus infinity: the entry 0 has index 0.
      const nonZero = greaterThan(entries, 0);
      return cast(whereScalar(nonZero, index, 0), "uint8");
    }
  }
}

/** Times 0, what is finite is 0, and all else NaN. */
function checkFinite(features: Tensor): void {
  if (Number.isNaN(sum(mul(features, 0)).item())) {
    throw new InputError(
      "the teacher's last feature map holds NaN, infinity, or numbers beyond those that are kept of it: its training diverged. Train it again with a lower teacher-lr.",
    );
  }
}

/** What is kept -> the dictionary's entries, float32. */
export function decodeFeatures(stored: Tensor, quantizer: Quantizer): Tensor {
  switch (quantizer.kind) {
    case "none":
      return cast(stored, "float32");
    case "uniform":
      return mul(cast(stored, "float32"), quantizer.stride);
    case "power-of-two": {
      const entries = [0];
      for (let k = quantizer.minExponent; k <= quantizer.maxExponent; k++) entries.push(2 ** k);
      const flat = cast(reshape(stored, [-1]), "int64");
      return reshape(indexSelect(tensor(entries).to(stored.device), 0, flat), stored.shape);
    }
  }
}
