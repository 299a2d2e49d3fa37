// qmimic::conv3x3: 3x3 convolution, stride 1, padding 1, for narrow layers, with gradients.
#pragma once
#include "kernels.h"
#include "op.h"

namespace qmimic {
namespace {

// Splits a map into bands of rows, depending only on the shape: enough bands to distribute, small enough to stay in L2.
std::vector<Band> bands_of(int64_t images, int64_t channels, int64_t height, int64_t width) {
  constexpr int64_t FLOATS = 96 * 1024, TASKS = 8, FEWEST_ROWS = 8;
  int64_t rows = std::max<int64_t>(FLOATS / (channels * (width + 1)) - 2, FEWEST_ROWS);
  const int64_t wanted = at::divup(TASKS, images);
  rows = std::min(rows, std::max(at::divup(height, wanted), FEWEST_ROWS));
  rows = at::divup(height, at::divup(height, rows));  // even bands
  std::vector<Band> bands;
  for (int64_t row = 0; row < height; row += rows)
    bands.push_back({(long)height, (long)width, (long)row, (long)std::min(rows, height - row)});
  return bands;
}

void check_conv3x3(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
  check_tensor("conv3x3", "x", x, 4, at::kFloat);
  check_tensor("conv3x3", "weight", weight, 4, at::kFloat);
  check_shape("conv3x3", "weight", weight, {weight.size(0), x.size(1), 3, 3});
  TORCH_CHECK(x.size(1) > 0 && weight.size(0) > 0, "qmimic::conv3x3: x of shape ", x.sizes(), " and weight of shape ",
              weight.sizes(), " have no channels, expected at least one");
  if (bias.has_value() && bias->defined()) {
    check_tensor("conv3x3", "bias", *bias, 1, at::kFloat);
    check_shape("conv3x3", "bias", *bias, {weight.size(0)});
  }
}

Tensor conv3x3_forward(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
  check_conv3x3(x, weight, bias);
  const int64_t images = x.size(0), in = x.size(1), height = x.size(2), width = x.size(3), out = weight.size(0);
  Tensor y = at::empty({images, out, height, width}, x.options());
  if (y.numel() == 0) return y;
  const Kernels& k = kernels();
  const std::vector<Band> bands = bands_of(images, in, height, width);
  const Tensor packed = at::empty({out * in * 9}, x.options());
  k.conv3x3_pack(weight.data_ptr<float>(), packed.data_ptr<float>(), out, in, false);
  const Scratch scratch(k.conv3x3_scratch(in, bands[0]));
  const float *from = x.data_ptr<float>(), *weights = packed.data_ptr<float>();
  const float* b = bias.has_value() && bias->defined() ? bias->data_ptr<float>() : nullptr;
  float* to = y.data_ptr<float>();
  const int64_t map = height * width, per_image = bands.size();
  for_each_task(images * per_image, [&](int64_t task) {
    const int64_t image = task / per_image;
    k.conv3x3_forward(from + image * in * map, weights, b, to + image * out * map, in, out, bands[task % per_image],
                      scratch.mine());
  });
  return y;
}

// The requested gradients of (x, weight, bias); the others are undefined.
variable_list conv3x3_backward(const Tensor& x, const Tensor& weight, const Tensor& gradient, bool need_x,
                               bool need_weight, bool need_bias) {
  const int64_t images = x.size(0), in = x.size(1), height = x.size(2), width = x.size(3), out = weight.size(0);
  const Tensor g = gradient_of(gradient);
  const Kernels& k = kernels();
  Tensor dx = need_x ? at::empty_like(x) : Tensor();
  Tensor dweight = need_weight ? at::zeros_like(weight) : Tensor();
  Tensor dbias = need_bias ? at::zeros({out}, weight.options()) : Tensor();
  if (x.numel() == 0) return {dx, dweight, dbias};
  const Tensor packed = at::empty({out * in * 9}, x.options());
  if (need_x) k.conv3x3_pack(weight.data_ptr<float>(), packed.data_ptr<float>(), out, in, true);

  const std::vector<Band> bands = bands_of(images, in + out, height, width);
  const int64_t map = height * width, per_image = bands.size(), tasks = images * per_image;
  const int64_t weights = out * in * 9, share = weights + out;  // one task's part of dweight and dbias
  const Tensor shares = at::empty({tasks * share}, x.options());
  const Scratch scratch(k.conv3x3_scratch(in + out, bands[0]));
  const float *from = x.data_ptr<float>(), *from_g = g.data_ptr<float>(), *turned = packed.data_ptr<float>();
  float *to = need_x ? dx.data_ptr<float>() : nullptr, *sums = shares.data_ptr<float>();
  for_each_task(tasks, [&](int64_t task) {
    const int64_t image = task / per_image;
    float* mine = sums + task * share;
    k.conv3x3_backward(from + image * in * map, from_g + image * out * map, turned,
                       need_x ? to + image * in * map : nullptr, need_weight ? mine : nullptr,
                       need_bias ? mine + weights : nullptr, in, out, bands[task % per_image], scratch.mine());
  });
  const auto add_up = [&](const Tensor& total, int64_t offset) {
    float* result = total.data_ptr<float>();
    at::parallel_for(0, total.numel(), 4096, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        double sum = 0;
        for (int64_t task = 0; task < tasks; task++) sum += sums[task * share + offset + i];
        result[i] = (float)sum;
      }
    });
  };
  if (need_weight) add_up(dweight, 0);
  if (need_bias) add_up(dbias, weights);
  return {dx, dweight, dbias};
}

struct Conv3x3 : Function<Conv3x3> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
    at::AutoDispatchBelowAutograd below;
    ctx->save_for_backward({x, weight});
    ctx->saved_data["need_x"] = wants_gradient(x);
    ctx->saved_data["need_weight"] = wants_gradient(weight);
    ctx->saved_data["need_bias"] = bias.has_value() && wants_gradient(*bias);
    return conv3x3_forward(x, weight, bias);
  }
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    return conv3x3_backward(saved[0], saved[1], gradients[0], ctx->saved_data["need_x"].toBool(),
                            ctx->saved_data["need_weight"].toBool(), ctx->saved_data["need_bias"].toBool());
  }
};

Tensor conv3x3_autograd(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
  if (recording() && (wants_gradient(x) || wants_gradient(weight) || (bias.has_value() && wants_gradient(*bias))))
    return Conv3x3::apply(x, weight, bias);
  at::AutoDispatchBelowAutograd below;
  return conv3x3_forward(x, weight, bias);
}

}  // namespace
}  // namespace qmimic
