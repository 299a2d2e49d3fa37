// Scales, shifts, mirrors and recolours one image of a training batch in a single pass, from uint8 HWC to float CHW.
// Sampling is bilinear; when downscaling, the filter is widened to the size of an output pixel (a triangle of one
// output pixel to each side), so that details finer than the output do not alias.
#include "kernels/vec.h"
#include "training_kernels.h"

namespace qmimic::QMIMIC_ISA {
namespace {

// The maximum number of source positions that contribute to one output position.
long image_taps(float scale) { return scale < 1 ? (long)__builtin_ceilf(2 / scale) : 2; }

// How an image is placed along one axis: `size` source pixels become `scaled` output pixels.
struct Axis {
  long size;
  float scale, offset, scaled;
};

// For output position `at` of an axis, possibly mirrored: writes the weights of `taps` source positions, `step` apart, and
// returns the first of these positions; -1 outside the image.
long weigh(long at, const Axis& axis, bool flip, long taps, float* weights, long step) {
  const long size = axis.size;
  const float scale = axis.scale, offset = axis.offset, scaled = axis.scaled;
  const float place = at + 0.5f - offset;
  if (!(place >= 0 && place < scaled)) return -1;
  float centre = (flip ? scaled - place : place) / scale - 0.5f;
  centre = centre > 0 ? centre : 0;
  centre = centre < size - 1 ? centre : size - 1;
  const float slope = scale < 1 ? scale : 1;
  long first = (long)__builtin_floorf(centre - 1 / slope) + 1;
  first = first < size - taps ? first : size - taps;
  first = first > 0 ? first : 0;
  float sum = 0;
  for (long t = 0; t < taps; t++) {
    const float weight = 1 - __builtin_fabsf(first + t - centre) * slope;
    weights[t * step] = weight > 0 ? weight : 0;
    sum += weights[t * step];
  }
  if (slope < 1)
    for (long t = 0; t < taps; t++) weights[t * step] /= sum;
  return first;
}

// line = weighted sum of `taps` rows of `length` bytes; two at a time, so that the line is read and written half as
// often.
void sum_rows(const uint8_t* __restrict rows, long length, const float* weights, long taps, float* __restrict line) {
  for (long t = 0; t < taps; t += 2) {
    const uint8_t *a = rows + t * length, *b = t + 1 < taps ? a + length : a;
    const float wa = weights[t], wb = t + 1 < taps ? weights[t + 1] : 0;
    if (t == 0)
      for (long i = 0; i < length; i++) line[i] = wa * a[i] + wb * b[i];
    else
      for (long i = 0; i < length; i++) line[i] += wa * a[i] + wb * b[i];
  }
}

// plane[x] = sum over t of weights[t][x] * line[first[x] + 3 t], one vector of x at a time.
void sum_columns(const float* __restrict line, const int* __restrict first, const float* __restrict weights,
                 long width, long taps, long begin, long end, float* __restrict plane) {
  long x = begin;
  for (; x + LANES <= end; x += LANES) {
    vec sum = {};
    for (long t = 0; t < taps; t++) sum += load(weights + t * width + x) * gather(line + 3 * t, first + x);
    store(plane + x, sum);
  }
  for (; x < end; x++) {
    float sum = 0;
    for (long t = 0; t < taps; t++) sum += weights[t * width + x] * line[first[x] + 3 * t];
    plane[x] = sum;
  }
}

long taps_of(float scale, long size) {
  const long taps = image_taps(scale);
  return taps < size ? taps : size;
}

// Computes what each output column is made of, once for all rows. first: [width]; weights: [taps, width].
void image_columns(ImageSource& image, long width, int* first, float* weights) {
  const float* g = image.geometry;
  image.first = first;
  image.weights = weights;
  image.taps = taps_of(g[0], image.width);
  image.begin = image.end = 0;
  for (long x = 0; x < width; x++) {
    const long from = weigh(x, {image.width, g[0], g[2], g[5]}, g[4] != 0, image.taps, weights + x, width);
    if (from < 0) continue;
    first[x] = (int)(3 * from);
    if (image.begin == image.end) image.begin = x;
    image.end = x + 1;
  }
}

// geometry: scale_x, scale_y, offset_x, offset_y, flip, width, height (of the drawn image). colour: 3x4, applied to 0..255.
// out: [3, height, width]; rows [row, row + rows) are written. scratch: 3 * (image.width + width) floats.
void image_rows(const ImageSource& image, float* out, long height, long width, long row, long rows,
                float* scratch) {
  const float* g = image.geometry;
  const float* m = image.colour;
  const long row_taps = taps_of(g[1], image.height), begin = image.begin, end = image.end;
  float* line = scratch;                   // a row of the source image's width, interleaved
  float* planes = line + 3 * image.width;  // red, green, blue of an output row
  for (long y = row; y < row + rows; y++) {
    float row_weights[MAX_IMAGE_TAPS];
    const long from = weigh(y, {image.height, g[1], g[3], g[6]}, false, row_taps, row_weights, 1);
    if (from < 0 || begin == end) {
      for (long c = 0; c < 3; c++)
        __builtin_memset(out + (c * height + y) * width, 0, width * sizeof(float));
      continue;
    }
    sum_rows(image.pixels + from * image.width * 3, 3 * image.width, row_weights, row_taps, line);
    for (long c = 0; c < 3; c++)
      sum_columns(line + c, image.first, image.weights, width, image.taps, begin, end, planes + c * width);
    for (long c = 0; c < 3; c++) {
      float* to = out + (c * height + y) * width;
      const float r = m[4 * c], gr = m[4 * c + 1], b = m[4 * c + 2], add = m[4 * c + 3];
      __builtin_memset(to, 0, begin * sizeof(float));
      for (long x = begin; x < end; x++)
        to[x] = r * planes[x] + gr * planes[width + x] + b * planes[2 * width + x] + add;
      __builtin_memset(to + end, 0, (width - end) * sizeof(float));
    }
  }
}

}  // namespace

void provide_images(TrainingKernels& kernels) {
  kernels.image_taps = image_taps;
  kernels.image_columns = image_columns;
  kernels.image_rows = image_rows;
}

}  // namespace qmimic::QMIMIC_ISA
