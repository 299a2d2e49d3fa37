// qmimic::mimic_loss: sum over cells of weight * (Q(prediction) - target)^2, with the match count.
#pragma once
#include "quantize.op.h"

namespace qmimic {
namespace {

struct MimicResult {
  Tensor loss, matches, gradient;
};

MimicResult mimic_loss_forward(const Tensor& prediction, const Tensor& target, const Tensor& weight, double stride,
                               bool need_gradient) {
  const char* op = "mimic_loss";
  check_tensor(op, "prediction", prediction, 4, at::kFloat);
  TORCH_CHECK(std::isfinite(stride) && stride >= 0, "qmimic::mimic_loss: stride is ", stride, ", expected 0 or more");
  check_tensor(op, "target", target, 4, stride > 0 ? at::kByte : at::kFloat);
  check_tensor(op, "weight", weight, 3, at::kFloat);
  const int64_t images = prediction.size(0), channels = prediction.size(1);
  const int64_t map = prediction.size(2) * prediction.size(3);
  check_shape(op, "target", target, prediction.sizes());
  check_shape(op, "weight", weight, {images, prediction.size(2), prediction.size(3)});

  Tensor gradient = need_gradient ? at::empty_like(prediction) : Tensor();
  Tensor loss = at::empty({}, prediction.options()), matches = at::empty({2}, prediction.options().dtype(at::kLong));
  const Kernels& k = kernels();
  std::vector<double> losses(images * channels);
  std::vector<long> equal(images * channels, 0);
  const float *p = prediction.data_ptr<float>(), *w = weight.data_ptr<float>();
  float* g = need_gradient ? gradient.data_ptr<float>() : nullptr;
  for_each_task(images * channels, [&](int64_t task) {
    const int64_t at = task * map;
    const float* cells = w + task / channels * map;
    float* to = g ? g + at : nullptr;
    losses[task] = stride > 0 ? k.mimic_codes(p + at, target.data_ptr<uint8_t>() + at, cells, to, map, (float)stride,
                                              &equal[task])
                              : k.mimic_features(p + at, target.data_ptr<float>() + at, cells, to, map);
  });
  double total = 0;
  int64_t matched = 0, counted = 0;
  for (size_t i = 0; i < losses.size(); i++) {
    total += losses[i];
    matched += equal[i];
  }
  for (int64_t i = 0; i < images * map; i++) counted += w[i] > 0;
  loss.data_ptr<float>()[0] = (float)total;
  matches.data_ptr<int64_t>()[0] = matched;
  matches.data_ptr<int64_t>()[1] = counted * channels;
  return {loss, matches, gradient};
}

struct MimicLoss : Function<MimicLoss> {
  static variable_list forward(AutogradContext* ctx, const Tensor& prediction, const Tensor& target,
                               const Tensor& weight, double stride) {
    at::AutoDispatchBelowAutograd below;
    const MimicResult r = mimic_loss_forward(prediction, target, weight, stride, true);
    ctx->save_for_backward({r.gradient});
    ctx->mark_non_differentiable({r.matches});
    return {r.loss, r.matches};
  }
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    variable_list result(4);
    if (gradients[0].defined()) result[0] = ctx->get_saved_variables()[0] * gradients[0];
    return result;
  }
};

std::tuple<Tensor, Tensor> mimic_loss_cpu(const Tensor& prediction, const Tensor& target, const Tensor& weight,
                                          double stride) {
  const MimicResult r = mimic_loss_forward(prediction, target, weight, stride, false);
  return {r.loss, r.matches};
}

std::tuple<Tensor, Tensor> mimic_loss_autograd(const Tensor& prediction, const Tensor& target, const Tensor& weight,
                                               double stride) {
  if (recording() && wants_gradient(prediction)) {
    const variable_list r = MimicLoss::apply(prediction, target, weight, stride);
    return {r[0], r[1]};
  }
  at::AutoDispatchBelowAutograd below;
  return mimic_loss_cpu(prediction, target, weight, stride);
}

}  // namespace
}  // namespace qmimic
