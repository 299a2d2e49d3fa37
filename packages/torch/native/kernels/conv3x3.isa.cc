// 3x3 convolution, stride 1, padding 1, for narrow layers. A padded map is treated as one long line:
//
// 1. A band of rows of every input channel is copied into scratch memory, with a zero column before each row and a
//    zero row above and below: pitch = width + 1, because the zero to the right of a row is the zero to the left of
//    the next.
// 2. On that line, the convolution is nine shifts: y[q] = sum w[ky][kx] * x[q + ky * pitch + kx], without edge cases,
//    for any width; one value per pitch is discarded.
// 3. A tile of P vectors by K output channels stays in registers across all input channels.
// 4. The gradient of x is the same, with the weights transposed and rotated by 180 degrees.
// 5. The gradient of a weight is a dot product of two lines: dw[ky][kx] = sum x[s + ky * pitch] * g[s - kx].
//    With g instead of x shifted for kx, nine products need 3 + 3 loads.
#include "kernels.h"
#include "vec.h"

namespace qmimic::QMIMIC_ISA {
namespace {

// The maximum number of output channels of a tile, and its vectors: K * P accumulators and their operands fill the
// registers.
#if QMIMIC_LANES == 16
constexpr long MAX_CHANNELS = 8;
constexpr int vectors_of(int channels) { return channels <= 2 ? 12 : channels <= 4 ? 6 : channels <= 6 ? 4 : 3; }
#else
constexpr long MAX_CHANNELS = 4;
constexpr int vectors_of(int channels) { return channels <= 2 ? 6 : channels == 3 ? 4 : 3; }
#endif
constexpr long CHUNK = 12 * LANES;  // pixels whose output channels are all computed before moving on: x stays in L1

// Rounds rows up to whole vectors if that costs at most a sixteenth, so that loads do not cross cache lines.
long pitch_of(long width) {
  const long pitch = width + 1, whole = (pitch + LANES - 1) / LANES * LANES;
  return whole * 16 <= pitch * 17 ? whole : pitch;
}

// The number of floats of one padded channel: its rows, and what the last tile may read past them.
long plane_size(Band band) {
  return ((band.rows + 2) * pitch_of(band.width) + CHUNK + 2 * LANES - 1) / LANES * LANES;
}

void copy_band(const float* x, long channels, Band band, float* padded) {
  const long pitch = pitch_of(band.width), plane = plane_size(band);
  for (long c = 0; c < channels; c++, padded += plane) {
    float* to = padded;
    for (long r = band.row - 1; r <= band.row + band.rows; r++, to += pitch) {
      if (r < 0 || r >= band.height) {
        __builtin_memset(to, 0, pitch * sizeof(float));
      } else {
        to[0] = 0;
        __builtin_memcpy(to + 1, x + (c * band.height + r) * band.width, band.width * sizeof(float));
        for (long i = band.width + 1; i < pitch; i++) to[i] = 0;
      }
    }
    __builtin_memset(to, 0, (padded + plane - to) * sizeof(float));
  }
}

// y[k][p] for K channels and P vectors; weights are [in_channels][9][K].
template <int K, int P>
QMIMIC_INLINE void tile(const float* x, long plane, long pitch, long in_channels, const float* weight,
                        const float* bias, float* y, long y_stride) {
  vec sums[K][P];
#pragma GCC unroll 12
  for (int k = 0; k < K; k++)
#pragma GCC unroll 12
    for (int p = 0; p < P; p++) sums[k][p] = splat(bias ? bias[k] : 0);
  for (long i = 0; i < in_channels; i++, x += plane) {
#pragma GCC unroll 3
    for (int ky = 0; ky < 3; ky++)
#pragma GCC unroll 3
      for (int kx = 0; kx < 3; kx++, weight += K) {
        const float* at = x + ky * pitch + kx;
        if constexpr (K < P) {  // the fewer of weights and pixels stay in registers
          vec w[K];
#pragma GCC unroll 12
          for (int k = 0; k < K; k++) w[k] = keep(splat(weight[k]));
#pragma GCC unroll 12
          for (int p = 0; p < P; p++) {
            const vec value = keep(load(at + p * LANES));
#pragma GCC unroll 12
            for (int k = 0; k < K; k++) sums[k][p] += value * w[k];
          }
        } else {
          vec values[P];
#pragma GCC unroll 12
          for (int p = 0; p < P; p++) values[p] = keep(load(at + p * LANES));
#pragma GCC unroll 12
          for (int k = 0; k < K; k++) {
            const vec w = splat(weight[k]);
#pragma GCC unroll 12
            for (int p = 0; p < P; p++) sums[k][p] += values[p] * w;
          }
        }
      }
  }
#pragma GCC unroll 12
  for (int k = 0; k < K; k++)
#pragma GCC unroll 12
    for (int p = 0; p < P; p++) store(y + k * y_stride + p * LANES, sums[k][p]);
}

template <int K>
__attribute__((noinline)) void tiles(const float* x, long plane, long pitch, long in_channels, const float* weight,
                                     const float* bias, float* y, long y_stride, long vectors) {
  constexpr int P = vectors_of(K);
  long v = 0;
  for (; v + P <= vectors; v += P)
    tile<K, P>(x + v * LANES, plane, pitch, in_channels, weight, bias, y + v * LANES, y_stride);
  for (; v < vectors; v++)
    tile<K, 1>(x + v * LANES, plane, pitch, in_channels, weight, bias, y + v * LANES, y_stride);
}

using Tiles = void (*)(const float*, long, long, long, const float*, const float*, float*, long, long);
#if QMIMIC_LANES == 16
const Tiles TILES[] = {tiles<1>, tiles<2>, tiles<3>, tiles<4>, tiles<5>, tiles<6>, tiles<7>, tiles<8>};
#else
const Tiles TILES[] = {tiles<1>, tiles<2>, tiles<3>, tiles<4>};
#endif

long smaller(long a, long b) { return a < b ? a : b; }

// Copies values line[0, count) of the padded line, starting at flat position q, to their rows of one output channel.
void scatter(const float* line, long count, long q, Band band, float* y) {
  const long pitch = pitch_of(band.width);
  for (long done = 0; done < count;) {
    const long row = (q + done) / pitch, column = (q + done) % pitch;
    if (row >= band.rows) return;
    const long length = smaller(count - done, band.width - column);
    if (length > 0)
      __builtin_memcpy(y + (band.row + row) * band.width + column, line + done, length * sizeof(float));
    done += smaller(count - done, pitch - column);
  }
}

void convolve(const float* padded, const float* packed, const float* bias, float* y, long in_channels,
              long out_channels, Band band) {
  const long pitch = pitch_of(band.width), plane = plane_size(band), count = band.rows * pitch;
  const long y_plane = band.height * band.width;
  float buffer[MAX_CHANNELS * CHUNK];
  for (long q = 0; q < count; q += CHUNK) {
    const long length = smaller(CHUNK, count - q), vectors = (length + LANES - 1) / LANES;
    const long row = q / pitch, column = q % pitch;
    const bool inside = length == CHUNK && column + CHUNK <= band.width;  // within one row: no need to scatter
    for (long o = 0; o < out_channels; o += MAX_CHANNELS) {
      const long k = smaller(MAX_CHANNELS, out_channels - o);
      const float* weight = packed + o * in_channels * 9;
      const float* b = bias ? bias + o : nullptr;
      float* to = y + o * y_plane;
      if (inside) {
        to += (band.row + row) * band.width + column;
        TILES[k - 1](padded + q, plane, pitch, in_channels, weight, b, to, y_plane, vectors);
      } else {
        TILES[k - 1](padded + q, plane, pitch, in_channels, weight, b, buffer, CHUNK, vectors);
        for (long i = 0; i < k; i++) scatter(buffer + i * CHUNK, length, q, band, to + i * y_plane);
      }
    }
  }
}

// dweight[o][ky][kx] of O output channels and one input channel over count positions.
// x points to the first of three padded rows, g to the first real column of its first row.
// No checks are needed at either end: where g runs into a neighbouring row, x is in its zero column.
template <int O>
__attribute__((noinline)) void correlate(const float* x, const float* g, long plane, long pitch, long count,
                                         float* dweight, long stride) {
  vec sums[O][9] = {};
  const auto step = [&](long s, auto at) __attribute__((always_inline)) {
    vec rows[3];
#pragma GCC unroll 3
    for (int ky = 0; ky < 3; ky++) rows[ky] = at(x + s + ky * pitch);
#pragma GCC unroll 3
    for (int o = 0; o < O; o++)
#pragma GCC unroll 3
      for (int kx = 0; kx < 3; kx++) {
        const vec value = keep(load(g + o * plane + s - kx));
#pragma GCC unroll 3
        for (int ky = 0; ky < 3; ky++) sums[o][ky * 3 + kx] += rows[ky] * value;
      }
  };
  long s = 0;
  for (; s + LANES <= count; s += LANES) step(s, [](const float* p) { return load(p); });
  if (s < count) step(s, [n = count - s](const float* p) { return load_first(p, n); });
  for (int o = 0; o < O; o++)
    for (int t = 0; t < 9; t++) dweight[o * stride + t] = sum(sums[o][t]);
}

using Correlate = void (*)(const float*, const float*, long, long, long, float*, long);
#if QMIMIC_LANES == 16
const Correlate CORRELATE[] = {correlate<1>, correlate<2>, correlate<3>};
// Blocks of three, but never a single one at the end: a single one would stall on its loads.
long gradient_block(long left) { return left == 2 || left == 4 ? 2 : smaller(3, left); }
#else
const Correlate CORRELATE[] = {correlate<1>};
long gradient_block(long) { return 1; }
#endif

float sum_line(const float* line, long count) {
  vec sums[4] = {};
  long i = 0;
  for (; i + 4 * LANES <= count; i += 4 * LANES)
    for (int j = 0; j < 4; j++) sums[j] += load(line + i + j * LANES);
  for (; i + LANES <= count; i += LANES) sums[0] += load(line + i);
  if (i < count) sums[1] += load_first(line + i, count - i);
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

// ---- entries of the kernel table ----

long scratch_size(long channels, Band band) { return channels * plane_size(band); }

// Packs weight [out][in][3][3] into blocks of up to MAX_CHANNELS outputs, each [in][9][block].
// Transposed: the weights for the gradient of x, with [in] and [out] swapped and rotated by 180 degrees.
void pack(const float* weight, float* packed, long out_channels, long in_channels, bool transposed) {
  const long outer = transposed ? in_channels : out_channels, inner = transposed ? out_channels : in_channels;
  for (long o = 0; o < outer; o += MAX_CHANNELS) {
    const long block = smaller(MAX_CHANNELS, outer - o);
    for (long i = 0; i < inner; i++)
      for (long t = 0; t < 9; t++)
        for (long k = 0; k < block; k++)
          *packed++ = transposed ? weight[(i * in_channels + o + k) * 9 + 8 - t]
                                 : weight[((o + k) * in_channels + i) * 9 + t];
  }
}

void forward(const float* x, const float* packed, const float* bias, float* y, long in_channels, long out_channels,
             Band band, float* scratch) {
  copy_band(x, in_channels, band, scratch);
  convolve(scratch, packed, bias, y, in_channels, out_channels, band);
}

// dx, dweight and dbias may each be null; dweight and dbias receive this band's part.
void backward(const float* x, const float* gradient, const float* packed, float* dx, float* dweight, float* dbias,
              long in_channels, long out_channels, Band band, float* scratch) {
  const long pitch = pitch_of(band.width), plane = plane_size(band), count = band.rows * pitch;
  float* lines = scratch;
  copy_band(gradient, out_channels, band, lines);
  if (dx) convolve(lines, packed, nullptr, dx, out_channels, in_channels, band);
  if (dweight) {
    float* padded = scratch + out_channels * plane;
    copy_band(x, in_channels, band, padded);
    const long stride = in_channels * 9;
    for (long o = 0, block; o < out_channels; o += block) {
      block = gradient_block(out_channels - o);
      const float* g = lines + o * plane + pitch + 1;
      for (long i = 0; i < in_channels; i++)
        CORRELATE[block - 1](padded + i * plane, g, plane, pitch, count, dweight + o * stride + i * 9, stride);
    }
  }
  if (dbias)
    for (long o = 0; o < out_channels; o++) dbias[o] = sum_line(lines + o * plane + pitch, count);
}

}  // namespace

void provide_conv3x3(Kernels& kernels) {
  kernels.lanes = LANES;
  kernels.conv3x3_scratch = scratch_size;
  kernels.conv3x3_pack = pack;
  kernels.conv3x3_forward = forward;
  kernels.conv3x3_backward = backward;
}

}  // namespace qmimic::QMIMIC_ISA
