// qmimic::mimic_loss: sum over cells of cells * (Q(r(features)) - target)^2 with the 1x1 regression layer r, and the
// match count. The forward pass also computes all gradients: the loss is a scalar, so the backward pass only scales
// them.
#pragma once
#include "quantize.op.h"

namespace qmimic {
namespace {

struct MimicResult {
  Tensor loss, matches, dfeatures, dweight, dbias;
};

// [rows, columns], padded with zeros to multiples of `tile`.
Tensor padded(const Tensor& matrix, int64_t tile) {
  const auto up = [tile](int64_t n) { return (n + tile - 1) / tile * tile; };
  Tensor wide = at::zeros({up(matrix.size(0)), up(matrix.size(1))}, matrix.options());
  wide.narrow(0, 0, matrix.size(0)).narrow(1, 0, matrix.size(1)).copy_(matrix);
  return wide;
}

MimicResult mimic_loss_forward(const Tensor& features, const Tensor& weight, const Tensor& bias, const Tensor& target,
                               const Tensor& cells, double stride, bool need_gradient) {
  const char* op = "mimic_loss";
  check_tensor(op, "features", features, 4, at::kFloat);
  check_tensor(op, "weight", weight, 4, at::kFloat);
  check_tensor(op, "bias", bias, 1, at::kFloat);
  TORCH_CHECK(std::isfinite(stride) && stride >= 0, "qmimic::mimic_loss: stride is ", stride, ", expected 0 or more");
  check_tensor(op, "target", target, 4, stride > 0 ? at::kByte : at::kFloat);
  check_tensor(op, "cells", cells, 3, at::kFloat);
  const int64_t images = features.size(0), own = features.size(1), teacher = weight.size(0);
  const int64_t height = features.size(2), width = features.size(3), map = height * width;
  check_shape(op, "weight", weight, {teacher, own, 1, 1});
  check_shape(op, "bias", bias, {teacher});
  check_shape(op, "target", target, {images, teacher, height, width});
  check_shape(op, "cells", cells, {images, height, width});

  const TrainingKernels& k = training_kernels();
  const Tensor wide = padded(weight.reshape({teacher, own}), k.mimic_tile);
  const Tensor wide_bias = padded(bias.reshape({teacher, 1}), k.mimic_tile).narrow(1, 0, 1).contiguous();
  Tensor dfeatures, dweight, dbias;
  if (need_gradient) {
    dfeatures = at::zeros_like(features);
    dweight = at::empty({images, teacher, own}, features.options());
    dbias = at::empty({images, teacher}, features.options());
  }
  const Scratch scratch(k.mimic_scratch(own));
  std::vector<double> losses(images);
  std::vector<long> equal(2 * images, 0);
  for_each_task(images, [&](int64_t b) {
    const MimicImage image{features.data_ptr<float>() + b * own * map,
                           wide.data_ptr<float>(),
                           wide_bias.data_ptr<float>(),
                           cells.data_ptr<float>() + b * map,
                           (long)own,
                           (long)teacher,
                           (long)map,
                           (float)stride};
    float* df = need_gradient ? dfeatures.data_ptr<float>() + b * own * map : nullptr;
    float* dw = need_gradient ? dweight.data_ptr<float>() + b * teacher * own : nullptr;
    float* db = need_gradient ? dbias.data_ptr<float>() + b * teacher : nullptr;
    const int64_t at = b * teacher * map;
    losses[b] = stride > 0 ? k.mimic_codes(image, target.data_ptr<uint8_t>() + at, df, dw, db, scratch.mine(), &equal[2 * b])
                           : k.mimic_features(image, target.data_ptr<float>() + at, df, dw, db, scratch.mine(), &equal[2 * b]);
  });
  double total = 0;
  int64_t matched = 0, zero = 0, counted = 0;
  for (int64_t b = 0; b < images; b++) {
    total += losses[b];
    matched += equal[2 * b];
    zero += equal[2 * b + 1];
  }
  const float* w = cells.data_ptr<float>();
  for (int64_t i = 0; i < images * map; i++) counted += w[i] > 0;
  Tensor loss = at::empty({}, features.options()), matches = at::empty({3}, features.options().dtype(at::kLong));
  loss.data_ptr<float>()[0] = (float)total;
  matches.data_ptr<int64_t>()[0] = matched;
  matches.data_ptr<int64_t>()[1] = zero;
  matches.data_ptr<int64_t>()[2] = counted * teacher;
  if (need_gradient) {
    dweight = dweight.sum(0).reshape(weight.sizes());
    dbias = dbias.sum(0);
  }
  return {loss, matches, dfeatures, dweight, dbias};
}

struct MimicLoss : Function<MimicLoss> {
  static variable_list forward(AutogradContext* ctx, const Tensor& features, const Tensor& weight, const Tensor& bias,
                               const Tensor& target, const Tensor& cells, double stride) {
    at::AutoDispatchBelowAutograd below;
    const MimicResult r = mimic_loss_forward(features, weight, bias, target, cells, stride, true);
    ctx->save_for_backward({r.dfeatures, r.dweight, r.dbias});
    ctx->mark_non_differentiable({r.matches});
    return {r.loss, r.matches};
  }
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    variable_list result(6);
    if (!gradients[0].defined()) return result;
    const variable_list saved = ctx->get_saved_variables();
    for (size_t i = 0; i < saved.size(); i++) result[i] = saved[i] * gradients[0];
    return result;
  }
};

std::tuple<Tensor, Tensor> mimic_loss_cpu(const Tensor& features, const Tensor& weight, const Tensor& bias,
                                          const Tensor& target, const Tensor& cells, double stride) {
  const MimicResult r = mimic_loss_forward(features, weight, bias, target, cells, stride, false);
  return {r.loss, r.matches};
}

std::tuple<Tensor, Tensor> mimic_loss_autograd(const Tensor& features, const Tensor& weight, const Tensor& bias,
                                               const Tensor& target, const Tensor& cells, double stride) {
  if (recording() && (wants_gradient(features) || wants_gradient(weight) || wants_gradient(bias))) {
    const variable_list r = MimicLoss::apply(features, weight, bias, target, cells, stride);
    return {r[0], r[1]};
  }
  at::AutoDispatchBelowAutograd below;
  return mimic_loss_cpu(features, weight, bias, target, cells, stride);
}

}  // namespace
}  // namespace qmimic
