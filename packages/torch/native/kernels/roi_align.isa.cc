// RoIAlign over maps [height, width, channels], vectorized over channels. rois.h describes what a bin reads.
#include "kernels.h"
#include "vec.h"

namespace qmimic::QMIMIC_ISA {
namespace {

// Computes V vectors of channels of one bin.
template <int V>
QMIMIC_INLINE void gather(const float* map, const RoiShape& shape, Axes axes, long py, long px, float* bin) {
  vec sums[V] = {};
  for (int i = axes.y[py]; i < axes.y[py + 1]; i++) {
    const float* row = map + axes.taps[i].index * shape.width * shape.channels;
    for (int j = axes.x[px]; j < axes.x[px + 1]; j++) {
      const vec weight = splat(axes.taps[i].weight * axes.taps[j].weight);
      const float* at = row + axes.taps[j].index * shape.channels;
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sums[v] += weight * load(at + v * LANES);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; v++) store(bin + v * LANES, sums[v]);
}

template <int V>
QMIMIC_INLINE void spread(float* map, const RoiShape& shape, Axes axes, long py, long px, const float* bin) {
  vec values[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; v++) values[v] = load(bin + v * LANES);
  for (int i = axes.y[py]; i < axes.y[py + 1]; i++) {
    float* row = map + axes.taps[i].index * shape.width * shape.channels;
    for (int j = axes.x[px]; j < axes.x[px + 1]; j++) {
      const vec weight = splat(axes.taps[i].weight * axes.taps[j].weight);
      float* at = row + axes.taps[j].index * shape.channels;
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) store(at + v * LANES, load(at + v * LANES) + weight * values[v]);
    }
  }
}

// ---- entries of the kernel table ----

// bins: [pooled_height, pooled_width, channels].
void forward(const float* map, Axes axes, float* bins, const RoiShape& shape) {
  for (long py = 0; py < shape.pooled_height; py++)
    for (long px = 0; px < shape.pooled_width; px++, bins += shape.channels) {
      long c = 0;
      for (; c + 4 * LANES <= shape.channels; c += 4 * LANES) gather<4>(map + c, shape, axes, py, px, bins + c);
      for (; c < shape.channels; c += LANES) gather<1>(map + c, shape, axes, py, px, bins + c);
    }
}

// Adds to the gradient of one image's map.
void backward(float* map, Axes axes, const float* bins, const RoiShape& shape) {
  for (long py = 0; py < shape.pooled_height; py++)
    for (long px = 0; px < shape.pooled_width; px++, bins += shape.channels) {
      long c = 0;
      for (; c + 4 * LANES <= shape.channels; c += 4 * LANES) spread<4>(map + c, shape, axes, py, px, bins + c);
      for (; c < shape.channels; c += LANES) spread<1>(map + c, shape, axes, py, px, bins + c);
    }
}

long smaller(long a, long b) { return a < b ? a : b; }

// to[column][row] = from[row][column], for any number of rows and columns.
void transpose(const float* from, long rows, long columns, long from_stride, float* to, long to_stride) {
  for (long r = 0; r < rows; r += LANES) {
    const long height = smaller(LANES, rows - r);
    for (long c = 0; c < columns; c += LANES) {
      const long width = smaller(LANES, columns - c);
      vec block[LANES] = {}, next[LANES];
      for (long i = 0; i < height; i++) {
        const float* at = from + (r + i) * from_stride + c;
        block[i] = width == LANES ? load(at) : load_first(at, width);
      }
      // log2(LANES) perfect shuffles of the rows give the transpose.
#pragma GCC unroll 4
      for (long stage = 1; stage < LANES; stage *= 2) {
#pragma GCC unroll 8
        for (long i = 0; i < LANES / 2; i++) {
          next[2 * i] = interleave_low(block[i], block[i + LANES / 2]);
          next[2 * i + 1] = interleave_high(block[i], block[i + LANES / 2]);
        }
#pragma GCC unroll 16
        for (long i = 0; i < LANES; i++) block[i] = next[i];
      }
      for (long i = 0; i < width; i++) {
        float* at = to + (c + i) * to_stride + r;
        height == LANES ? store(at, block[i]) : store_first(at, block[i], height);
      }
    }
  }
}

}  // namespace

void provide_roi_align(Kernels& kernels) {
  kernels.transpose = transpose;
  kernels.roi_forward = forward;
  kernels.roi_backward = backward;
}

}  // namespace qmimic::QMIMIC_ISA
