// Encodes feature maps as small integers (each entry's index in the quantizer's dictionary), and decodes them.
import { add, cast, indexSelect, mul, operator, reshape, sum, type Tensor, tensor } from "@qmimic/torch";
import { InputError } from "../errors.js";
import type { Quantizer } from "../models/index.js";
import { applyQuantizer } from "../models/index.js";
import { quantizeCodes } from "../native/quantize.js";

const log2Of = operator("aten::log2");
const roundOf = operator("aten::round");
const greaterThan = operator("aten::gt.Scalar");
const whereScalar = operator("aten::where.ScalarOther");

/** Storage of a teacher's maps: dictionary indices as bytes, or float16 without a quantizer. */
export const storedDtype = (quantizer: Quantizer) => (quantizer.kind === "none" ? "float16" : "uint8");

/** Encodes features. @throws InputError if a feature is NaN, infinite, or too large to encode */
export function encodeFeatures(features: Tensor, quantizer: Quantizer): Tensor {
  if (quantizer.kind === "none") {
    const half = cast(features, "float16");
    checkFinite(cast(half, "float32"));
    return half;
  }
  // NaN would be encoded as 0.
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

/** Multiplied by 0, finite numbers give 0 and all others NaN. */
function checkFinite(features: Tensor): void {
  if (Number.isNaN(sum(mul(features, 0)).item())) {
    throw new InputError(
      "the teacher's last feature map has NaN, infinity, or numbers too large to store: its training diverged. Train it again with a lower teacher-lr.",
    );
  }
}

/** Decodes to the dictionary's entries, float32. */
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
