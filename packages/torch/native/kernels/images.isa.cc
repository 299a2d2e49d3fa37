// One image of a training batch: scaled, shifted, mirrored and recoloured in a single pass from uint8 HWC to
// float CHW. Bilinear without a low-pass filter: below a scale of about one half it aliases, so the images are
// to be stored at no more than twice the training size.
#include "kernels.h"
#include "vec.h"

namespace qmimic::QMIMIC_ISA {
namespace {

struct Sample {
  long low, high;
  float fraction;
  bool inside;
};

// Where output position `at` samples an axis of `size` pixels, scaled and moved by `offset`, maybe mirrored.
Sample sample_of(long at, long size, float scale, float offset, bool flip) {
  const float scaled = __builtin_roundf(size * scale), place = at + 0.5f - offset;
  float source = (flip ? scaled - place : place) / scale - 0.5f;
  source = source > 0 ? source : 0;
  source = source < size - 1 ? source : size - 1;
  const long low = (long)source, high = low + 1 < size ? low + 1 : low;
  return {low, high, source - low, place >= 0 && place < scaled};
}

QMIMIC_INLINE float mix(float a, float b, float fraction) { return a + fraction * (b - a); }

// geometry: scale_x, scale_y, offset_x, offset_y, flip. colour: 3x4, applied to 0..255.
// out: [3, height, width]; rows [row, row + rows) are written. scratch: 3 * image.width + 6 * width floats.
void image_rows(const ImageSource& image, float* out, long height, long width, long row, long rows,
                float* scratch) {
  const float* g = image.geometry;
  const float* m = image.colour;
  float* line = scratch;                             // a source row, interleaved
  float* planes = line + 3 * image.width;            // red, green, blue of an output row
  float* fraction = planes + 3 * width;
  int* low = (int*)(fraction + width);               // 3 * column of the source
  int* high = low + width;
  long begin = 0, end = 0;                           // output columns inside the image
  for (long x = 0; x < width; x++) {
    const Sample s = sample_of(x, image.width, g[0], g[2], g[4] != 0);
    low[x] = (int)(3 * s.low);
    high[x] = (int)(3 * s.high);
    fraction[x] = s.fraction;
    if (s.inside) {
      if (begin == end) begin = x;
      end = x + 1;
    }
  }
  for (long y = row; y < row + rows; y++) {
    const Sample s = sample_of(y, image.height, g[1], g[3], false);
    if (!s.inside || begin == end) {
      for (long c = 0; c < 3; c++)
        __builtin_memset(out + (c * height + y) * width, 0, width * sizeof(float));
      continue;
    }
    const uint8_t* above = image.pixels + s.low * image.width * 3;
    const uint8_t* below = image.pixels + s.high * image.width * 3;
    for (long i = 0; i < 3 * image.width; i++) line[i] = mix(above[i], below[i], s.fraction);
    for (long c = 0; c < 3; c++)
      for (long x = begin; x < end; x++)
        planes[c * width + x] = mix(line[low[x] + c], line[high[x] + c], fraction[x]);
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

void provide_images(Kernels& kernels) { kernels.image_rows = image_rows; }

}  // namespace qmimic::QMIMIC_ISA
