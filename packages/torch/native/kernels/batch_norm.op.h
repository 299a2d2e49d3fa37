// qmimic::batch_norm_relu: batch norm, optional ReLU and optional 2x2 max pool as one operator that keeps only x.
#pragma once
#include <cmath>

#include "kernels.h"
#include "op.h"

namespace qmimic {
namespace {

struct NormResult {
  Tensor y, mean, invstd;
};

void check_batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                      const Tensor& running_var, bool training, bool pool) {
  const char* op = "batch_norm_relu";
  check_tensor(op, "x", x, 4, at::kFloat);
  const std::pair<const char*, const Tensor&> vectors[] = {
      {"weight", weight}, {"bias", bias}, {"running_mean", running_mean}, {"running_var", running_var}};
  for (const auto& [name, t] : vectors) {
    check_tensor(op, name, t, 1, at::kFloat);
    check_shape(op, name, t, {x.size(1)});
  }
  TORCH_CHECK(!pool || (x.size(2) > 1 && x.size(3) > 1), "qmimic::batch_norm_relu: x of shape ", x.sizes(),
              " is too small for a 2x2 pool");
  TORCH_CHECK(!training || x.size(0) * x.size(2) * x.size(3) > 1,
              "qmimic::batch_norm_relu: x has shape ", x.sizes(),
              ", expected more than one value per channel in training");
}

// Batch mean and biased variance of each channel, in double. The pivot keeps the variance accurate if the mean is large
// in comparison.
void batch_statistics(const Tensor& x, std::vector<double>& mean, std::vector<double>& variance) {
  const int64_t images = x.size(0), channels = x.size(1), map = x.size(2) * x.size(3);
  const float* from = x.data_ptr<float>();
  std::vector<float> pivot(channels);
  for (int64_t c = 0; c < channels; c++) {
    const int64_t few = std::min<int64_t>(map, 64);
    double sum = 0;
    for (int64_t i = 0; i < few; i++) sum += from[c * map + i];
    pivot[c] = (float)(sum / few);
  }
  std::vector<double> moments(images * channels * 2, 0.0);
  const Kernels& k = kernels();
  for_each_task(images * channels, [&](int64_t task) {
    k.norm_moments(from + task * map, map, pivot[task % channels], &moments[task * 2]);
  });
  const double count = (double)images * map;
  for (int64_t c = 0; c < channels; c++) {
    double sum = 0, squares = 0;
    for (int64_t b = 0; b < images; b++) {
      sum += moments[(b * channels + c) * 2];
      squares += moments[(b * channels + c) * 2 + 1];
    }
    mean[c] = pivot[c] + sum / count;
    variance[c] = std::max(0.0, squares / count - (sum / count) * (sum / count));
  }
}

NormPlane norm_plane(const Tensor& x, float weight, float bias, float mean, float invstd, bool relu, bool pool) {
  const float scale = weight * invstd;
  return {(long)x.size(2), (long)x.size(3), scale, bias - mean * scale, mean, relu, pool};
}

std::vector<NormPlane> norm_planes(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                                   const Tensor& invstd, bool relu, bool pool) {
  std::vector<NormPlane> planes;
  for (int64_t c = 0; c < x.size(1); c++)
    planes.push_back(norm_plane(x, weight.data_ptr<float>()[c], bias.data_ptr<float>()[c], mean.data_ptr<float>()[c],
                                invstd.data_ptr<float>()[c], relu, pool));
  return planes;
}

NormResult batch_norm_forward(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor running_mean,
                              Tensor running_var, bool training, double momentum, double eps, bool relu, bool pool) {
  check_batch_norm(x, weight, bias, running_mean, running_var, training, pool);
  const int64_t images = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  const Tensor mean = at::empty({channels}, x.options()), invstd = at::empty({channels}, x.options());
  float *m = mean.data_ptr<float>(), *s = invstd.data_ptr<float>();
  float *rm = running_mean.data_ptr<float>(), *rv = running_var.data_ptr<float>();
  if (training) {
    std::vector<double> batch_mean(channels), variance(channels);
    batch_statistics(x, batch_mean, variance);
    const double count = (double)images * height * width;
    for (int64_t c = 0; c < channels; c++) {
      m[c] = (float)batch_mean[c];
      s[c] = (float)(1 / std::sqrt(variance[c] + eps));
      rm[c] = (float)(momentum * batch_mean[c] + (1 - momentum) * rm[c]);
      rv[c] = (float)(momentum * variance[c] * count / (count - 1) + (1 - momentum) * rv[c]);
    }
    running_mean.unsafeGetTensorImpl()->bump_version();
    running_var.unsafeGetTensorImpl()->bump_version();
  } else {
    for (int64_t c = 0; c < channels; c++) {
      m[c] = rm[c];
      s[c] = (float)(1 / std::sqrt(rv[c] + eps));
    }
  }
  const int64_t out_height = pool ? height / 2 : height, out_width = pool ? width / 2 : width;
  Tensor y = at::empty({images, channels, out_height, out_width}, x.options());
  const std::vector<NormPlane> planes = norm_planes(x, weight, bias, mean, invstd, relu, pool);
  const Kernels& k = kernels();
  const float* from = x.data_ptr<float>();
  float* to = y.data_ptr<float>();
  for_each_task(images * channels, [&](int64_t task) {
    k.norm_forward(from + task * height * width, to + task * out_height * out_width, planes[task % channels]);
  });
  return {y, mean, invstd};
}

// With dz the gradient at the norm's output: dx = scale * (dz - mean(dz) - xhat * mean(dz * xhat)); if the statistics
// are constants, the two means drop out.
variable_list batch_norm_backward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                                  const Tensor& invstd, const Tensor& gradient, bool training, bool relu, bool pool,
                                  bool need_x) {
  const int64_t images = x.size(0), channels = x.size(1), map = x.size(2) * x.size(3);
  const Tensor g = gradient_of(gradient);
  const int64_t g_map = g.size(2) * g.size(3);
  const std::vector<NormPlane> planes = norm_planes(x, weight, bias, mean, invstd, relu, pool);
  const Kernels& k = kernels();
  const float *from = x.data_ptr<float>(), *from_g = g.data_ptr<float>();
  std::vector<double> sums(images * channels * 2);
  for_each_task(images * channels, [&](int64_t task) {
    k.norm_backward_sums(from + task * map, from_g + task * g_map, &sums[task * 2], planes[task % channels]);
  });
  Tensor dweight = at::empty_like(weight), dbias = at::empty_like(bias);
  std::vector<float> slope(channels, 0.0f), offset(channels, 0.0f);
  for (int64_t c = 0; c < channels; c++) {
    double sum = 0, product = 0;
    for (int64_t b = 0; b < images; b++) {
      sum += sums[(b * channels + c) * 2];
      product += sums[(b * channels + c) * 2 + 1];
    }
    const double is = invstd.data_ptr<float>()[c], scale = planes[c].scale, count = (double)images * map;
    dweight.data_ptr<float>()[c] = (float)(product * is);
    dbias.data_ptr<float>()[c] = (float)sum;
    if (training) {
      const double s = -scale * is * is * product / count;
      slope[c] = (float)s;
      offset[c] = (float)(-scale * sum / count - s * planes[c].mean);
    }
  }
  if (!need_x) return {Tensor(), dweight, dbias};
  Tensor dx = at::empty_like(x);
  float* to = dx.data_ptr<float>();
  for_each_task(images * channels, [&](int64_t task) {
    const int64_t c = task % channels;
    k.norm_backward(from + task * map, from_g + task * g_map, to + task * map, slope[c], offset[c], planes[c]);
  });
  return {dx, dweight, dbias};
}

struct BatchNormRelu : Function<BatchNormRelu> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const Tensor& running_mean, const Tensor& running_var, bool training, double momentum,
                        double eps, bool relu, bool pool) {
    at::AutoDispatchBelowAutograd below;
    NormResult r = batch_norm_forward(x, weight, bias, running_mean, running_var, training, momentum, eps, relu, pool);
    ctx->save_for_backward({x, weight, bias, r.mean, r.invstd});
    ctx->saved_data["training"] = training;
    ctx->saved_data["relu"] = relu;
    ctx->saved_data["pool"] = pool;
    ctx->saved_data["need_x"] = wants_gradient(x);
    return r.y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list s = ctx->get_saved_variables();
    const auto flag = [&](const char* name) { return ctx->saved_data[name].toBool(); };
    variable_list result = batch_norm_backward(s[0], s[1], s[2], s[3], s[4], gradients[0], flag("training"),
                                               flag("relu"), flag("pool"), flag("need_x"));
    result.resize(10);  // no gradients for the running statistics and the settings
    return result;
  }
};

Tensor batch_norm_relu_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor running_mean,
                           Tensor running_var, bool training, double momentum, double eps, bool relu, bool pool) {
  return batch_norm_forward(x, weight, bias, running_mean, running_var, training, momentum, eps, relu, pool).y;
}

Tensor batch_norm_relu_autograd(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor running_mean,
                                Tensor running_var, bool training, double momentum, double eps, bool relu, bool pool) {
  if (recording() && (wants_gradient(x) || wants_gradient(weight) || wants_gradient(bias)))
    return BatchNormRelu::apply(x, weight, bias, running_mean, running_var, training, momentum, eps, relu, pool);
  at::AutoDispatchBelowAutograd below;
  return batch_norm_relu_cpu(x, weight, bias, running_mean, running_var, training, momentum, eps, relu, pool);
}

}  // namespace
}  // namespace qmimic
