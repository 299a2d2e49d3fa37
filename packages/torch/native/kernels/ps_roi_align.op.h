// qmimic::ps_roi_align: torchvision.ops.ps_roi_align, position-sensitive pooling of R-FCN (Dai et al., NeurIPS 2016,
// section 2.2) with RoIAlign's samples.
//
// Output channel c at bin (i, j) of k x k reads only input channel (c k + i) k + j. Each task processes one bin in all
// regions of an image: its planes, one per output channel, stay in the cache, a region's taps are used for all of them,
// and in the backward pass no other task adds to them. Sums are in the order of the regions, for any number of threads.
#pragma once
#include <type_traits>

#include "rois.h"

namespace qmimic {
namespace {

// The planes of one bin (i, j) in one image: one per output channel, `step` floats apart.
struct BinMaps {
  int64_t channels, width, step;
};

// C channels at a time share each tap, and their sums are independent of each other.
struct Gather {
  template <int C>
  static void block(const float* map, Axes axes, int64_t i, int64_t j, float* out, const BinMaps& maps) {
    float sums[C] = {};
    for (int y = axes.y[i]; y < axes.y[i + 1]; y++) {
      const float* row = map + axes.taps[y].index * maps.width;
      for (int x = axes.x[j]; x < axes.x[j + 1]; x++) {
        const float weight = axes.taps[y].weight * axes.taps[x].weight;
        for (int c = 0; c < C; c++) sums[c] += weight * row[c * maps.step + axes.taps[x].index];
      }
    }
    for (int c = 0; c < C; c++) out[c] = sums[c];
  }
};

struct Spread {
  template <int C>
  static void block(float* map, Axes axes, int64_t i, int64_t j, const float* gradient, const BinMaps& maps) {
    float shares[C];
    for (int c = 0; c < C; c++) shares[c] = gradient[c];
    for (int y = axes.y[i]; y < axes.y[i + 1]; y++) {
      float* row = map + axes.taps[y].index * maps.width;
      for (int x = axes.x[j]; x < axes.x[j + 1]; x++) {
        const float weight = axes.taps[y].weight * axes.taps[x].weight;
        float* at = row + axes.taps[x].index;
        for (int c = 0; c < C; c++) at[c * maps.step] += weight * shares[c];
      }
    }
  }
};

template <int C>
using Size = std::integral_constant<int, C>;

// Runs Work (Gather or Spread) for every bin of every region. `values` are [k * k, regions, channels], the order in
// which a task accesses them.
template <class Work, class Maps, class Values>
void ps_for_each_bin(Maps* maps, at::IntArrayRef features, const Tensor& rois, Values* values, const RoiArguments& a) {
  const int64_t k = a.pooled_height, bins = k * k, channels = features[1] / bins, plane = features[2] * features[3];
  const ByImage by_image(rois, features[0]);
  const RoiAxes axes(features, rois, a);
  const BinMaps shape = {channels, features[3], bins * plane};
  for_each_task(features[0] * bins, [&](int64_t task) {
    const int64_t image = task / bins, bin = task % bins, i = bin / k, j = bin % k;
    for (int64_t at = by_image.first[image]; at < by_image.first[image + 1]; at++) {
      const int64_t roi = by_image.order[at];
      const Axes of_roi = axes.of(roi);
      Maps* map = maps + (image * features[1] + bin) * plane;
      Values* value = values + (bin * rois.size(0) + roi) * channels;
      const auto block = [&](auto size) {
        Work::template block<size>(map, of_roi, i, j, value, shape);
        map += size * shape.step;
        value += size;
      };
      for (int64_t c = 0; c + 4 <= channels; c += 4) block(Size<4>{});
      if (channels % 4 == 3) block(Size<3>{});
      if (channels % 4 == 2) block(Size<2>{});
      if (channels % 4 == 1) block(Size<1>{});
    }
  });
}

Tensor ps_roi_align_forward(const Tensor& features, const Tensor& rois, const RoiArguments& a) {
  check_rois("ps_roi_align", features, rois, a);
  const int64_t k = a.pooled_height, bins = k * k, count = rois.size(0), channels = features.size(1) / bins;
  TORCH_CHECK(channels * bins == features.size(1), "qmimic::ps_roi_align: features have shape ", features.sizes(),
              ", expected a multiple of ", bins, " channels for a pooled size of ", k);
  const Tensor values = at::empty({bins, count, channels}, features.options());
  if (values.numel() > 0)
    ps_for_each_bin<Gather>(features.data_ptr<float>(), features.sizes(), rois, values.data_ptr<float>(), a);
  return values.permute({1, 2, 0}).contiguous().view({count, channels, k, k});
}

Tensor ps_roi_align_backward(at::IntArrayRef features, const Tensor& rois, const Tensor& gradient,
                             const RoiArguments& a) {
  Tensor dx = at::zeros(features, gradient.options());
  if (gradient.numel() == 0) return dx;
  const Tensor values = gradient.flatten(2).permute({2, 0, 1}).contiguous();
  ps_for_each_bin<Spread>(dx.data_ptr<float>(), features, rois, values.data_ptr<float>(), a);
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
