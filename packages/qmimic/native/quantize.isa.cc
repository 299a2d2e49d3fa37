// Quantizers (Quantization Mimic, section 3.1; code.h has the formula): plain loops that the compiler vectorizes for each
// instruction set. Adding x - x, which is NaN if x is infinite or NaN and otherwise 0, makes sure that overflowed maps do
// not look like maps of the largest entry.
#include "code.h"
#include "kernels/vec.h"
#include "training_kernels.h"

namespace qmimic::QMIMIC_ISA {
namespace {

constexpr long RUN = 256;  // entries per iteration of the outer loop

void quantize(const float* x, float* y, long count, float stride) {
  const double s = stride;
  for (long from = 0; from < count; from += RUN) {
    const long end = count - from < RUN ? count : from + RUN;
    for (long i = from; i < end; i++) y[i] = (float)code_of(x[i], s) * stride;
    for (long i = from; i < end; i++) y[i] += x[i] - x[i];  // a separate loop, otherwise GCC vectorizes neither
  }
}

void quantize_codes(const float* x, uint8_t* y, long count, float stride) {
  const double s = stride;
  for (long i = 0; i < count; i++) {
    const int code = code_of(x[i], s);
    y[i] = (uint8_t)(code < 255 ? code : 255);
  }
}

// Dictionary {0, 2^min, ..., 2^max}. The midpoint of 2^e and 2^(e+1) is 1.5 * 2^e: mantissa 0x400000.
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
    y[i] = entry + (x[i] - x[i]);
  }
}

}  // namespace

void provide_quantize(TrainingKernels& kernels) {
  kernels.quantize = quantize;
  kernels.quantize_codes = quantize_codes;
  kernels.quantize_pow2 = quantize_pow2;
}

}  // namespace qmimic::QMIMIC_ISA
