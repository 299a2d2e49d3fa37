// Shared by the operators on regions of interest: arguments and their limits, and where a region samples a map.
//
// Bilinear sampling and averaging are both separable, so a bin is a weighted sum over (few rows) x (few columns): the
// samples along one axis are first merged into one weight per row or column that they touch (its taps), and the bin is
// the sum over pairs of taps. Semantics: torchvision.ops.roi_align and ps_roi_align.
#pragma once
#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels.h"
#include "op.h"

namespace qmimic {
namespace {

struct RoiArguments {
  double spatial_scale;
  int64_t pooled_height, pooled_width, sampling_ratio;
  bool aligned;
};

// Far above practical values. Within these limits, no size below overflows, and a float still resolves eighths of a
// cell.
constexpr int64_t MAX_POOLED = 1024, MAX_SAMPLES = 64, MAX_CELLS = 1 << 20;

void check_rois(const char* op, const Tensor& features, const Tensor& rois, const RoiArguments& a) {
  check_tensor(op, "features", features, 4, at::kFloat);
  TORCH_CHECK(features.size(2) > 0 && features.size(3) > 0, "qmimic::", op, ": features have shape ", features.sizes(),
              ", expected at least 1 row and 1 column");
  const int64_t high = std::max(a.pooled_height, a.pooled_width), low = std::min(a.pooled_height, a.pooled_width);
  TORCH_CHECK(low >= 1 && high <= MAX_POOLED, "qmimic::", op, ": pooled size is ", a.pooled_height, "x", a.pooled_width,
              ", expected 1 to ", MAX_POOLED);
  TORCH_CHECK(a.sampling_ratio >= 1 && a.sampling_ratio <= MAX_SAMPLES, "qmimic::", op, ": sampling_ratio is ",
              a.sampling_ratio, ", expected 1 to ", MAX_SAMPLES);
  TORCH_CHECK(a.spatial_scale > 0 && std::isfinite((float)a.spatial_scale), "qmimic::", op, ": spatial_scale is ",
              a.spatial_scale, ", expected a finite number above 0");
  check_tensor(op, "rois", rois, 2, at::kFloat);
  check_shape(op, "rois", rois, {rois.size(0), 5});
  const float* roi = rois.data_ptr<float>();
  for (int64_t i = 0; i < rois.size(0); i++, roi += 5) {
    TORCH_CHECK(roi[0] >= 0 && roi[0] < features.size(0) && roi[0] == std::floor(roi[0]), "qmimic::", op, ": rois[", i,
                "] names image ", roi[0], ", expected an integer in [0, ", features.size(0), ")");
    for (int c = 1; c < 5; c++)  // also rejects NaN
      TORCH_CHECK(std::abs(roi[c] * a.spatial_scale) <= MAX_CELLS, "qmimic::", op, ": rois[", i, "] has coordinate ",
                  roi[c], ", expected at most ", MAX_CELLS / a.spatial_scale, " either way (", MAX_CELLS,
                  " cells of the map)");
  }
}

// The regions grouped by image, in order: those of image b are order[first[b]] up to order[first[b + 1]].
struct ByImage {
  std::vector<int64_t> first, order;
  ByImage(const Tensor& rois, int64_t images) : first(images + 2, 0), order(rois.size(0)) {
    const float* boxes = rois.data_ptr<float>();
    // Counts are stored two places further, so that filling `order` moves each beginning to its place.
    for (size_t i = 0; i < order.size(); i++) first[(int64_t)boxes[i * 5] + 2]++;
    for (int64_t image = 0; image < images; image++) first[image + 2] += first[image + 1];
    for (size_t i = 0; i < order.size(); i++) order[first[(int64_t)boxes[i * 5] + 1]++] = i;
  }
};

// Appends the taps of one axis of a region, and writes where the taps of each bin begin. Returns the total number of
// taps.
int taps_of(float start, float extent, int64_t bins, int64_t size, int64_t samples, int* first, Tap* taps, int used) {
  const float bin = extent / bins;
  for (int64_t b = 0; b < bins; b++) {
    first[b] = used;
    const auto add = [&](int index, float weight) {
      // Samples are monotonic: a row that was touched before is the last tap or the one before it.
      for (int t = used - 1; t >= first[b] && t >= used - 2; t--)
        if (taps[t].index == index) {
          taps[t].weight += weight;
          return;
        }
      taps[used++] = {index, weight};
    };
    for (int64_t s = 0; s < samples; s++) {
      float at = start + b * bin + (s + 0.5f) * bin / samples;
      if (at < -1.0f || at > size) continue;
      if (at <= 0) at = 0;
      const int64_t low = std::min((int64_t)at, size - 1);
      const float fraction = low >= size - 1 ? 0 : at - low;
      add(low, (1 - fraction) / samples);
      if (low < size - 1) add(low + 1, fraction / samples);
    }
  }
  first[bins] = used;
  return used;
}

// The taps of every region. check_rois must have validated the regions.
class RoiAxes {
  const int64_t bins_y, firsts, room;
  std::unique_ptr<int[]> first;  // not vectors, which would be filled with zeros first
  std::unique_ptr<Tap[]> taps;

 public:
  RoiAxes(at::IntArrayRef features, const Tensor& rois, const RoiArguments& a)
      : bins_y(a.pooled_height),
        firsts(a.pooled_height + a.pooled_width + 2),
        room(2 * a.sampling_ratio * (a.pooled_height + a.pooled_width)),  // a sample touches two rows and two columns
        first(new int[rois.size(0) * firsts]),
        taps(new Tap[rois.size(0) * room]) {
    const float* boxes = rois.data_ptr<float>();
    const float scale = a.spatial_scale, shift = a.aligned ? 0.5f : 0.0f;
    at::parallel_for(0, rois.size(0), 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const float* roi = boxes + i * 5;
        const float x = roi[1] * scale - shift, y = roi[2] * scale - shift;
        float width = roi[3] * scale - shift - x, height = roi[4] * scale - shift - y;
        if (!a.aligned) {
          width = std::max(width, 1.0f);
          height = std::max(height, 1.0f);
        }
        int* from = &first[i * firsts];
        Tap* to = &taps[i * room];
        const int used = taps_of(y, height, a.pooled_height, features[2], a.sampling_ratio, from, to, 0);
        taps_of(x, width, a.pooled_width, features[3], a.sampling_ratio, from + bins_y + 1, to, used);
      }
    });
  }

  Axes of(int64_t roi) const {
    const int* from = &first[roi * firsts];
    return {from, from + bins_y + 1, &taps[roi * room]};
  }
};

}  // namespace
}  // namespace qmimic
