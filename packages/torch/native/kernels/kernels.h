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

// One row or column that a bin of a region reads, and its share in the bin.
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

// Images are made smaller than this at most: an output pixel is then the mean of 2^12 pixels and more.
constexpr float MIN_IMAGE_SCALE = 1.0f / 64, MAX_IMAGE_SCALE = 1 << 20;
constexpr long MAX_IMAGE_TAPS = 2 * 64 + 2;

// One image of a training batch, see images.isa.cc.
struct ImageSource {
  const uint8_t* pixels;
  long height, width;
  const float* geometry;
  const float* colour;
  // Set by Kernels::image_columns: 3 * the first source column and the weights of each output column, and those of the
  // output columns [begin, end) that show the image.
  const int* first;
  const float* weights;
  long taps, begin, end;
};

// One image of the mimic loss. Maps have `size` cells; weight is [teacher, own] and bias [teacher], with both numbers of
// channels padded by zeros to multiples of Kernels::mimic_tile.
struct MimicImage {
  const float *features, *weight, *bias, *cells;
  long own, teacher, size;
  float stride;
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

  // quantize.isa.cc
  void (*quantize)(const float* x, float* y, long count, float stride);
  void (*quantize_codes)(const float* x, uint8_t* y, long count, float stride);
  void (*quantize_pow2)(const float* x, float* y, long count, int min_exponent, int max_exponent);

  // mimic_loss.isa.cc; scratch in floats
  long mimic_tile;
  long (*mimic_scratch)(long own);
  double (*mimic_codes)(const MimicImage& image, const uint8_t* target, float* dfeatures, float* dweight,
                        float* dbias, float* scratch, long* matches);
  double (*mimic_features)(const MimicImage& image, const float* target, float* dfeatures, float* dweight,
                           float* dbias, float* scratch, long* matches);

  // images.isa.cc; taps: source pixels of an output pixel along an axis, at most
  long (*image_taps)(float scale);
  void (*image_columns)(ImageSource& image, long width, int* first, float* weights);
  void (*image_rows)(const ImageSource& image, float* out, long height, long width, long row, long rows,
                     float* scratch);

  // crc32c.isa.cc
  uint32_t (*crc32c)(const uint8_t* data, long bytes, uint32_t before);
};

// The table for this processor, or for the one that the environment variable QMIMIC_ISA names.
const Kernels& kernels();

}  // namespace qmimic
