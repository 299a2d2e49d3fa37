// The table of kernels: what every instruction set provides, and how the operators reach the chosen one.
#pragma once
#include <cstdint>

namespace qmimic {

// Rows [row, row + rows) of a map of the given height and width.
struct Band {
  long height, width, row, rows;
};

// How one batch norm channel maps x to z = scale * x + shift, and what follows it.
struct NormPlane {
  long height, width;
  float scale, shift, mean;
  bool relu, pool;
};

// One row or column that a bin of a region reads, and its weight in the bin.
struct Tap {
  int index;
  float weight;
};

// The taps of a region, see rois.h: bin (i, j) reads rows taps[y[i]] up to taps[y[i + 1]] and columns taps[x[j]] up to
// taps[x[j + 1]].
struct Axes {
  const int *y, *x;
  const Tap* taps;
};

// One RoIAlign problem: maps are [height, width, channels], channels a multiple of Kernels::lanes.
struct RoiShape {
  long channels, width, pooled_height, pooled_width;
};

struct Kernels {
  const char* name;
  long lanes;

  // conv3x3.isa.cc
  long (*conv3x3_scratch)(long channels, Band band);
  void (*conv3x3_pack)(const float* weight, float* packed, long out_channels, long in_channels, bool transposed);
  void (*conv3x3_forward)(const float* x, const float* packed, const float* bias, float* y, long in_channels,
                          long out_channels, Band band, float* scratch);
  void (*conv3x3_backward)(const float* x, const float* gradient, const float* packed, float* dx, float* dweight,
                           float* dbias, long in_channels, long out_channels, Band band, float* scratch);

  // batch_norm.isa.cc
  void (*norm_moments)(const float* x, long count, float pivot, double* moments);
  void (*norm_forward)(const float* x, float* y, const NormPlane& plane);
  void (*norm_backward_sums)(const float* x, const float* gradient, double* sums, const NormPlane& plane);
  void (*norm_backward)(const float* x, const float* gradient, float* dx, float slope, float offset,
                        const NormPlane& plane);

  // roi_align.isa.cc
  void (*transpose)(const float* from, long rows, long columns, long from_stride, float* to, long to_stride);
  void (*roi_forward)(const float* map, Axes axes, float* bins, const RoiShape& shape);
  void (*roi_backward)(float* map, Axes axes, const float* bins, const RoiShape& shape);
};

// The table for this processor, or for the instruction set named by the environment variable QMIMIC_ISA.
const Kernels& kernels();

}  // namespace qmimic
