// The table of kernels: what every instruction set provides, and how the operators reach the chosen one.
#pragma once
#include <cstdint>

namespace qmimic {

// The limits of image scaling: at the minimum, an output pixel is already the mean of 2^12 pixels or more.
constexpr float MIN_IMAGE_SCALE = 1.0f / 64, MAX_IMAGE_SCALE = 1 << 20;
constexpr long MAX_IMAGE_TAPS = 2 * 64 + 2;

// One image of a training batch, see images.isa.cc.
struct ImageSource {
  const uint8_t* pixels;
  long height, width;
  const float* geometry;
  const float* colour;
  // Set by TrainingKernels::image_columns: 3 * the first source column and the weights of each output column, and the
  // range [begin, end) of output columns that show the image.
  const int* first;
  const float* weights;
  long taps, begin, end;
};

// One image of the mimic loss. Maps have `size` cells; weight is [teacher, own] and bias [teacher], with both numbers
// of channels padded by zeros to multiples of TrainingKernels::mimic_tile.
struct MimicImage {
  const float *features, *weight, *bias, *cells;
  long own, teacher, size;
  float stride;
};

struct TrainingKernels {
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

  // images.isa.cc; taps: the maximum number of source pixels of an output pixel along an axis
  long (*image_taps)(float scale);
  void (*image_columns)(ImageSource& image, long width, int* first, float* weights);
  void (*image_rows)(const ImageSource& image, float* out, long height, long width, long row, long rows,
                     float* scratch);

  // crc32c.isa.cc
  uint32_t (*crc32c)(const uint8_t* data, long bytes, uint32_t before);
};

// The table for this processor, or for the instruction set named by the environment variable QMIMIC_ISA.
const TrainingKernels& training_kernels();

}  // namespace qmimic
