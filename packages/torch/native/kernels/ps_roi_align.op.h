// qmimic::ps_roi_align: torchvision.ops.ps_roi_align, position-sensitive RoIAlign (R-FCN, Dai et al., NeurIPS 2016, 2.2).
//
// Output channel c at bin (i, j) of k x k reads input channel (c k + i) k + j alone. A plane of the input is a few KB,
// so one task takes the k planes of one row of bins through all regions of their image: it reads from L1, and in the
// backward pass nobody else adds to its planes. Sums follow the regions' order, whatever the number of threads.
#pragma once
#include "rois.h"

namespace qmimic {
namespace {

// row(image, channel of the output, i) for each row of bins.
template <class Row>
void for_each_row_of_bins(at::IntArrayRef features, int64_t pooled, const Row& row) {
  const int64_t rows = features[1] / pooled;
  for_each_task(features[0] * rows, [&](int64_t task) { row(task / rows, task % rows / pooled, task % pooled); });
}

Tensor ps_roi_align_forward(const Tensor& features, const Tensor& rois, const RoiArguments& a) {
  check_rois("ps_roi_align", features, rois, a);
  const int64_t channels = features.size(1), k = a.pooled_height, bins = k * k, count = rois.size(0);
  TORCH_CHECK(channels % bins == 0, "qmimic::ps_roi_align: features have shape ", features.sizes(), ", expected ",
              bins, " channels or a multiple, for a pooled size of ", k);
  Tensor y = at::empty({count, channels / bins, k, k}, features.options());
  if (y.numel() == 0) return y;
  const int64_t width = features.size(3), plane = features.size(2) * width;
  const ByImage by_image(rois, features.size(0));
  const RoiAxes axes(features.sizes(), rois, a);
  const float* from = features.data_ptr<float>();
  float* to = y.data_ptr<float>();
  for_each_row_of_bins(features.sizes(), k, [&](int64_t image, int64_t c, int64_t i) {
    const int64_t first = c * bins + i * k;  // channel of the row's first bin, and its place in a region's output
    for (int64_t at = by_image.first[image]; at < by_image.first[image + 1]; at++) {
      const int64_t roi = by_image.order[at];
      const Axes axis = axes.of(roi);
      const float* map = from + (image * channels + first) * plane;
      float* out = to + roi * channels + first;
      for (int64_t j = 0; j < k; j++, map += plane) {
        float sum = 0;
        for (int ty = axis.y[i]; ty < axis.y[i + 1]; ty++) {
          const float* row = map + axis.taps[ty].index * width;
          float across = 0;
          for (int tx = axis.x[j]; tx < axis.x[j + 1]; tx++) across += axis.taps[tx].weight * row[axis.taps[tx].index];
          sum += axis.taps[ty].weight * across;
        }
        out[j] = sum;
      }
    }
  });
  return y;
}

Tensor ps_roi_align_backward(at::IntArrayRef features, const Tensor& rois, const Tensor& gradient,
                             const RoiArguments& a) {
  const Tensor g = gradient_of(gradient);
  Tensor dx = at::zeros(features, g.options());
  if (dx.numel() == 0 || rois.size(0) == 0) return dx;
  const int64_t channels = features[1], k = a.pooled_height, width = features[3], plane = features[2] * width;
  const ByImage by_image(rois, features[0]);
  const RoiAxes axes(features, rois, a);
  const float* from = g.data_ptr<float>();
  float* to = dx.data_ptr<float>();
  for_each_row_of_bins(features, k, [&](int64_t image, int64_t c, int64_t i) {
    const int64_t first = (c * k + i) * k;
    for (int64_t at = by_image.first[image]; at < by_image.first[image + 1]; at++) {
      const int64_t roi = by_image.order[at];
      const Axes axis = axes.of(roi);
      float* map = to + (image * channels + first) * plane;
      const float* in = from + roi * channels + first;
      for (int64_t j = 0; j < k; j++, map += plane) {
        for (int ty = axis.y[i]; ty < axis.y[i + 1]; ty++) {
          float* row = map + axis.taps[ty].index * width;
          const float share = in[j] * axis.taps[ty].weight;
          for (int tx = axis.x[j]; tx < axis.x[j + 1]; tx++) row[axis.taps[tx].index] += share * axis.taps[tx].weight;
        }
      }
    }
  });
  return dx;
}

struct PsRoiAlign : Function<PsRoiAlign> {
  static Tensor forward(AutogradContext* ctx, const Tensor& features, const Tensor& rois, double spatial_scale,
                        int64_t pooled, int64_t sampling_ratio) {
    at::AutoDispatchBelowAutograd below;
    ctx->save_for_backward({rois});
    ctx->saved_data["features"] = features.sizes().vec();
    ctx->saved_data["spatial_scale"] = spatial_scale;
    ctx->saved_data["sizes"] = std::vector<int64_t>{pooled, sampling_ratio};
    return ps_roi_align_forward(features, rois, {spatial_scale, pooled, pooled, sampling_ratio, true});
  }
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const std::vector<int64_t> sizes = ctx->saved_data["sizes"].toIntVector();
    const RoiArguments a = {ctx->saved_data["spatial_scale"].toDouble(), sizes[0], sizes[0], sizes[1], true};
    variable_list result(5);
    result[0] = ps_roi_align_backward(ctx->saved_data["features"].toIntVector(), ctx->get_saved_variables()[0],
                                      gradients[0], a);
    return result;
  }
};

Tensor ps_roi_align_cpu(const Tensor& features, const Tensor& rois, double spatial_scale, int64_t pooled,
                        int64_t sampling_ratio) {
  return ps_roi_align_forward(features, rois, {spatial_scale, pooled, pooled, sampling_ratio, true});
}

Tensor ps_roi_align_autograd(const Tensor& features, const Tensor& rois, double spatial_scale, int64_t pooled,
                             int64_t sampling_ratio) {
  if (recording() && wants_gradient(features))
    return PsRoiAlign::apply(features, rois, spatial_scale, pooled, sampling_ratio);
  at::AutoDispatchBelowAutograd below;
  return ps_roi_align_cpu(features, rois, spatial_scale, pooled, sampling_ratio);
}

}  // namespace
}  // namespace qmimic
