// qmimic::roi_align: torchvision.ops.roi_align, vectorized over channels, with a backward pass without atomics.
#pragma once
#include "rois.h"

namespace qmimic {
namespace {

// The channels of the maps are padded with zeros to whole vectors.
RoiShape roi_shape(at::IntArrayRef features, const RoiArguments& a, int64_t channels) {
  const int64_t lanes = kernels().lanes;
  return {(long)(at::divup(channels, lanes) * lanes), (long)features[3], (long)a.pooled_height, (long)a.pooled_width};
}

// Channels are processed in groups, so that one image's map of one group stays in L2 for all its regions.
constexpr int64_t GROUP = 64;

Tensor roi_align_forward(const Tensor& features, const Tensor& rois, const RoiArguments& a) {
  check_rois("roi_align", features, rois, a);
  const int64_t count = rois.size(0), channels = features.size(1), bins = a.pooled_height * a.pooled_width;
  Tensor y = at::empty({count, channels, a.pooled_height, a.pooled_width}, features.options());
  if (y.numel() == 0) return y;
  const int64_t images = features.size(0), map = features.size(2) * features.size(3);
  const Kernels& k = kernels();
  const RoiShape widest = roi_shape(features.sizes(), a, std::min(channels, GROUP));
  const int64_t groups = at::divup(channels, GROUP), slot = map * widest.channels;
  const float *from = features.data_ptr<float>(), *boxes = rois.data_ptr<float>();
  // [image, group, map, channels of the group], padded with zeros to whole vectors.
  const Tensor turned = channels % k.lanes == 0 ? at::empty({images * groups * slot}, features.options())
                                                : at::zeros({images * groups * slot}, features.options());
  float *maps = turned.data_ptr<float>(), *to = y.data_ptr<float>();
  constexpr int64_t PIECE = 512;  // positions of a map per task
  const int64_t pieces = at::divup(map, PIECE);
  for_each_task(images * groups * pieces, [&](int64_t task) {
    const int64_t at = task % pieces * PIECE, length = std::min(PIECE, map - at), index = task / pieces;
    const int64_t image = index / groups, first = index % groups * GROUP, width = std::min(GROUP, channels - first);
    const int64_t padded = at::divup(width, k.lanes) * k.lanes;
    k.transpose(from + (image * channels + first) * map + at, width, length, map, maps + index * slot + at * padded,
                padded);
  });
  const ByImage by_image(rois, images);
  const RoiAxes axes(features.sizes(), rois, a);
  const Scratch scratch(bins * widest.channels);
  at::parallel_for(0, groups * count, 8, [&](int64_t begin, int64_t end) {
    float* room = scratch.mine();
    for (int64_t item = begin; item < end; item++) {
      const int64_t i = by_image.order[item % count], group = item / count;
      const int64_t first = group * GROUP, width = std::min(GROUP, channels - first);
      const RoiShape shape = roi_shape(features.sizes(), a, width);
      const int64_t image = (int64_t)boxes[i * 5];
      k.roi_forward(maps + (image * groups + group) * slot, axes.of(i), room, shape);
      k.transpose(room, bins, width, shape.channels, to + (i * channels + first) * bins, bins);
    }
  });
  return y;
}

// One task per image and group of channels, which adds its regions in order.
Tensor roi_align_backward(at::IntArrayRef features, const Tensor& rois, const Tensor& gradient,
                          const RoiArguments& a) {
  const Tensor g = gradient_of(gradient);
  Tensor dx = at::zeros(features, g.options());
  if (dx.numel() == 0 || rois.size(0) == 0) return dx;
  const int64_t images = features[0], channels = features[1], map = features[2] * features[3];
  const int64_t bins = a.pooled_height * a.pooled_width;
  const Kernels& k = kernels();
  const int64_t groups = at::divup(channels, GROUP);
  const RoiShape widest = roi_shape(features, a, std::min(channels, GROUP));
  const Scratch scratch((bins + map) * widest.channels);
  const float* from = g.data_ptr<float>();
  float* to = dx.data_ptr<float>();
  const ByImage by_image(rois, images);
  const RoiAxes axes(features, rois, a);
  for_each_task(images * groups, [&](int64_t task) {
    const int64_t image = task / groups, first = task % groups * GROUP, width = std::min(GROUP, channels - first);
    const int64_t begin = by_image.first[image], end = by_image.first[image + 1];
    if (begin == end) return;
    const RoiShape shape = roi_shape(features, a, width);
    const int64_t padded = shape.channels;
    float* sums = scratch.mine();
    float* room = sums + map * padded;
    std::fill(sums, room, 0.0f);
    std::fill(room, room + bins * padded, 0.0f);  // the padding stays zero
    for (int64_t at = begin; at < end; at++) {
      const int64_t i = by_image.order[at];
      k.transpose(from + (i * channels + first) * bins, width, bins, bins, room, padded);
      k.roi_backward(sums, axes.of(i), room, shape);
    }
    k.transpose(sums, map, width, padded, to + (image * channels + first) * map, map);
  });
  return dx;
}

struct RoiAlign : Function<RoiAlign> {
  static Tensor forward(AutogradContext* ctx, const Tensor& features, const Tensor& rois, double spatial_scale,
                        int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio, bool aligned) {
    at::AutoDispatchBelowAutograd below;
    ctx->save_for_backward({rois});
    ctx->saved_data["features"] = features.sizes().vec();
    ctx->saved_data["spatial_scale"] = spatial_scale;
    ctx->saved_data["sizes"] = std::vector<int64_t>{pooled_height, pooled_width, sampling_ratio};
    ctx->saved_data["aligned"] = aligned;
    return roi_align_forward(features, rois, {spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned});
  }
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const std::vector<int64_t> sizes = ctx->saved_data["sizes"].toIntVector();
    const RoiArguments a = {ctx->saved_data["spatial_scale"].toDouble(), sizes[0], sizes[1], sizes[2],
                            ctx->saved_data["aligned"].toBool()};
    variable_list result(7);
    result[0] = roi_align_backward(ctx->saved_data["features"].toIntVector(), ctx->get_saved_variables()[0],
                                   gradients[0], a);
    return result;
  }
};

Tensor roi_align_cpu(const Tensor& features, const Tensor& rois, double spatial_scale, int64_t pooled_height,
                     int64_t pooled_width, int64_t sampling_ratio, bool aligned) {
  return roi_align_forward(features, rois, {spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned});
}

Tensor roi_align_autograd(const Tensor& features, const Tensor& rois, double spatial_scale, int64_t pooled_height,
                          int64_t pooled_width, int64_t sampling_ratio, bool aligned) {
  if (recording() && wants_gradient(features))
    return RoiAlign::apply(features, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned);
  at::AutoDispatchBelowAutograd below;
  return roi_align_cpu(features, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned);
}

}  // namespace
}  // namespace qmimic
