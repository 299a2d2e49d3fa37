// The uniform quantizer of one value.
//
// Dictionary {0, s, 2s, ...}: the nearest entry, ties down, nothing below zero, so k = ceil(f / s - 1/2). The quotient
// is taken in double: there the ties of float values are exact.
#pragma once
#include "vec.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")  // or GCC leaves comparisons with NaN in scalar code
#endif

namespace qmimic::QMIMIC_ISA {

constexpr double MAX_CODE = 1 << 30;

QMIMIC_INLINE int code_of(float f, double stride) {
  double k = f / stride - 0.5;
  k = k > 0 ? k : 0;  // NaN too
  k = k < MAX_CODE ? k : MAX_CODE;
  const int whole = (int)k;
  return whole + (whole < k);
}

}  // namespace qmimic::QMIMIC_ISA
