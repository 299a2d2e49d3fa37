// qmimic::quantize, quantize_codes, quantize_pow2: dictionary entries with a straight-through gradient.
#pragma once
#include <cmath>

#include "kernels/op.h"
#include "training_kernels.h"

namespace qmimic {
namespace {

void check_stride(const char* op, double stride) {
  TORCH_CHECK(std::isfinite(stride) && stride > 0, "qmimic::", op, ": stride is ", stride,
              ", expected a finite number above 0");
}

// Processes pieces of a flat tensor in parallel.
template <class Piece>
void in_pieces(int64_t count, const Piece& piece) {
  at::parallel_for(0, count, 32768, [&](int64_t begin, int64_t end) { piece(begin, end - begin); });
}

Tensor quantize_cpu(const Tensor& x, double stride) {
  check_tensor("quantize", "x", x, -1, at::kFloat);
  check_stride("quantize", stride);
  Tensor y = at::empty_like(x);
  const float* from = x.data_ptr<float>();
  float* to = y.data_ptr<float>();
  in_pieces(x.numel(), [&](int64_t at, int64_t n) { training_kernels().quantize(from + at, to + at, n, (float)stride); });
  return y;
}

Tensor quantize_codes_cpu(const Tensor& x, double stride) {
  check_tensor("quantize_codes", "x", x, -1, at::kFloat);
  check_stride("quantize_codes", stride);
  Tensor y = at::empty(x.sizes(), x.options().dtype(at::kByte));
  const float* from = x.data_ptr<float>();
  uint8_t* to = y.data_ptr<uint8_t>();
  in_pieces(x.numel(), [&](int64_t at, int64_t n) { training_kernels().quantize_codes(from + at, to + at, n, (float)stride); });
  return y;
}

Tensor quantize_pow2_cpu(const Tensor& x, int64_t min_exponent, int64_t max_exponent) {
  check_tensor("quantize_pow2", "x", x, -1, at::kFloat);
  TORCH_CHECK(min_exponent >= -125 && min_exponent <= max_exponent && max_exponent <= 127,
              "qmimic::quantize_pow2: exponents ", min_exponent, " to ", max_exponent, ", expected -125 <= min <= max <= 127");
  Tensor y = at::empty_like(x);
  const float* from = x.data_ptr<float>();
  float* to = y.data_ptr<float>();
  in_pieces(x.numel(), [&](int64_t at, int64_t n) {
    training_kernels().quantize_pow2(from + at, to + at, n, (int)min_exponent, (int)max_exponent);
  });
  return y;
}

struct Quantize : Function<Quantize> {
  static Tensor forward(AutogradContext*, const Tensor& x, double stride) {
    at::AutoDispatchBelowAutograd below;
    return quantize_cpu(x, stride);
  }
  static variable_list backward(AutogradContext*, variable_list gradients) { return {gradients[0], Tensor()}; }
};

struct QuantizePow2 : Function<QuantizePow2> {
  static Tensor forward(AutogradContext*, const Tensor& x, int64_t min_exponent, int64_t max_exponent) {
    at::AutoDispatchBelowAutograd below;
    return quantize_pow2_cpu(x, min_exponent, max_exponent);
  }
  static variable_list backward(AutogradContext*, variable_list gradients) {
    return {gradients[0], Tensor(), Tensor()};
  }
};

Tensor quantize_autograd(const Tensor& x, double stride) {
  if (recording() && wants_gradient(x)) return Quantize::apply(x, stride);
  at::AutoDispatchBelowAutograd below;
  return quantize_cpu(x, stride);
}

Tensor quantize_pow2_autograd(const Tensor& x, int64_t min_exponent, int64_t max_exponent) {
  if (recording() && wants_gradient(x)) return QuantizePow2::apply(x, min_exponent, max_exponent);
  at::AutoDispatchBelowAutograd below;
  return quantize_pow2_cpu(x, min_exponent, max_exponent);
}

}  // namespace
}  // namespace qmimic
