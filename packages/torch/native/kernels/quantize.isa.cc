// Quantizers and the mimic loss: plain loops that the compiler vectorises for each instruction set.
//
// Uniform dictionary {0, s, 2s, ...}: the nearest entry, ties down, nothing below zero, so
// k = ceil(f / s - 1/2). The quotient is taken in double: there the ties of float values are exact.
#include "kernels.h"
#include "vec.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")  // or GCC leaves comparisons with NaN in scalar code
#endif

namespace qmimic::QMIMIC_ISA {
namespace {

constexpr double MAX_CODE = 1 << 30;
constexpr long RUN = 256;  // entries between the loops of one pass

QMIMIC_INLINE int code_of(float f, double stride) {
  double k = f / stride - 0.5;
  k = k > 0 ? k : 0;  // NaN too
  k = k < MAX_CODE ? k : MAX_CODE;
  const int whole = (int)k;
  return whole + (whole < k);
}

void quantize(const float* x, float* y, long count, float stride) {
  const double s = stride;
  for (long from = 0; from < count; from += RUN) {
    const long end = count - from < RUN ? count : from + RUN;
    for (long i = from; i < end; i++) y[i] = (float)code_of(x[i], s) * stride;
    for (long i = from; i < end; i++) y[i] = x[i] == x[i] ? y[i] : x[i];  // apart, or GCC vectorises neither
  }
}

void quantize_codes(const float* x, uint8_t* y, long count, float stride) {
  const double s = stride;
  for (long i = 0; i < count; i++) {
    const int code = code_of(x[i], s);
    y[i] = (uint8_t)(code < 255 ? code : 255);
  }
}

// Dictionary {0, 2^min, ..., 2^max}. The middle of 2^e and 2^(e+1) is 1.5 * 2^e: mantissa 0x400000.
void quantize_pow2(const float* x, float* y, long count, int min_exponent, int max_exponent) {
  const float half = __builtin_ldexpf(1, min_exponent - 1);
  for (long i = 0; i < count; i++) {
    int bits;
    __builtin_memcpy(&bits, x + i, 4);
    int exponent = ((bits >> 23) & 255) + ((bits & 0x7fffff) > 0x400000) - 127;
    exponent = exponent < min_exponent ? min_exponent : exponent;
    exponent = exponent > max_exponent ? max_exponent : exponent;
    bits = (exponent + 127) << 23;
    float entry;
    __builtin_memcpy(&entry, &bits, 4);
    entry = x[i] > half ? entry : 0;
    y[i] = x[i] == x[i] ? entry : x[i];
  }
}

// One map of `count` cells: returns sum weight * (Q(prediction) - target)^2, writes its straight-through
// gradient 2 * weight * (Q(prediction) - target) unless null, counts equal codes into matches.
double mimic_codes(const float* prediction, const uint8_t* target, const float* weight, float* gradient, long count,
                   float stride, long* matches) {
  const double s = stride;
  double loss = 0;
  long equal = 0;
  for (long from = 0; from < count; from += RUN) {
    float error[RUN];
    const long length = count - from < RUN ? count - from : RUN;
    int same = 0;
    for (long i = 0; i < length; i++) {
      const float p = prediction[from + i];
      const int code = code_of(p, s), t = target[from + i];
      const float q = p == p ? (float)code * stride : p;
      error[i] = q - (float)t * stride;
      same += (code == t) & (p == p) & (weight[from + i] > 0);
    }
    equal += same;
    double run[8] = {};
    for (long i = 0; i < length; i++) run[i % 8] += (double)error[i] * error[i] * weight[from + i];
    loss += ((run[0] + run[1]) + (run[2] + run[3])) + ((run[4] + run[5]) + (run[6] + run[7]));
    if (gradient)
      for (long i = 0; i < length; i++) gradient[from + i] = 2 * weight[from + i] * error[i];
  }
  *matches += equal;
  return loss;
}

double mimic_features(const float* prediction, const float* target, const float* weight, float* gradient,
                      long count) {
  double run[8] = {};
  long i = 0;
  for (; i + 8 <= count; i += 8)
    for (int j = 0; j < 8; j++) {
      const double error = prediction[i + j] - target[i + j];
      run[j] += error * error * weight[i + j];
    }
  for (; i < count; i++) {
    const double error = prediction[i] - target[i];
    run[0] += error * error * weight[i];
  }
  if (gradient)
    for (i = 0; i < count; i++) gradient[i] = 2 * weight[i] * (prediction[i] - target[i]);
  return ((run[0] + run[1]) + (run[2] + run[3])) + ((run[4] + run[5]) + (run[6] + run[7]));
}

}  // namespace

void provide_quantize(Kernels& kernels) {
  kernels.quantize = quantize;
  kernels.quantize_codes = quantize_codes;
  kernels.quantize_pow2 = quantize_pow2;
  kernels.mimic_codes = mimic_codes;
  kernels.mimic_features = mimic_features;
}

}  // namespace qmimic::QMIMIC_ISA
