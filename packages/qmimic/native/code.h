// The uniform quantizer for one value (Quantization Mimic, section 3.1).
//
// Dictionary {0, s, 2s, ...}: the nearest entry, ties down, nothing below zero, so k = ceil(f / s - 1/2). The quotient
// is computed in double, where ties of float values are exact.
#pragma once
#include "kernels/vec.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")  // otherwise GCC does not vectorize comparisons with NaN
#endif

namespace qmimic::QMIMIC_ISA {

constexpr double MAX_CODE = 1 << 30;

QMIMIC_INLINE int code_of(float f, double stride) {
  double k = f / stride - 0.5;
  k = k > 0 ? k : 0;  // NaN becomes 0
  k = k < MAX_CODE ? k : MAX_CODE;
  const int whole = (int)k;
  return whole + (whole < k);
}

// The same (0 for NaN) without a division: f / s rounded down is the code or one less, regardless of rounding errors,
// and the sign of f - (k + 1/2) s tells which. A fused multiply-add gives the exact sign; without FMA, the product is
// computed in double. Correct up to code 2^22.
QMIMIC_INLINE float code_by_border(float f, float stride, float per_stride) {
  float guess = f * per_stride;
  guess = guess > 0 ? guess : 0;
  guess = guess < (1 << 22) ? guess : (1 << 22);
  const float k = (float)(int)guess;
#if defined(__FMA__)
  return k + (__builtin_fmaf(k + 0.5f, -stride, f) > 0 ? 1.0f : 0.0f);
#else
  return k + (f > (k + 0.5) * stride ? 1.0f : 0.0f);
#endif
}

}  // namespace qmimic::QMIMIC_ISA
