// RoIAlign over maps [height, width, channels]: channels are the vector lane.
//
// Bilinear sampling and averaging are both separable, so a bin is a weighted sum of (few rows) x (few columns):
// the samples of one axis are first merged into one weight per row or column they touch (its taps), and the
// bin is the sum over pairs of taps. Semantics: torchvision.ops.roi_align.
#include "kernels.h"
#include "vec.h"

namespace qmimic::QMIMIC_ISA {
namespace {

struct Tap {
  long index;
  float weight;
};

// The taps of every bin along one axis: bin b has taps[first[b], first[b + 1]).
struct Axis {
  long* first;
  Tap* taps;
};

long smaller(long a, long b) { return a < b ? a : b; }

long samples_of(float extent, long bins, long sampling_ratio) {
  return sampling_ratio > 0 ? sampling_ratio : (long)__builtin_ceilf(extent / bins);
}

void fill(Axis axis, float start, float extent, long bins, long size, long sampling_ratio) {
  const float bin = extent / bins;
  const long samples = samples_of(extent, bins, sampling_ratio);
  long used = 0;
  for (long b = 0; b < bins; b++) {
    axis.first[b] = used;
    const auto add = [&](long index, float weight) {
      // Samples go upwards: a row that was touched before is the last tap or the one before it.
      for (long t = used - 1; t >= axis.first[b] && t >= used - 2; t--)
        if (axis.taps[t].index == index) {
          axis.taps[t].weight += weight;
          return;
        }
      axis.taps[used++] = {index, weight};
    };
    for (long s = 0; s < samples; s++) {
      float at = start + b * bin + (s + 0.5f) * bin / samples;
      if (!(at >= -1.0f) || at > size) continue;
      if (at <= 0) at = 0;
      const long low = smaller((long)at, size - 1);
      const float fraction = low >= size - 1 ? 0 : at - low;
      add(low, (1 - fraction) / samples);
      if (low < size - 1) add(low + 1, fraction / samples);
    }
  }
  axis.first[bins] = used;
}

// Room for the taps of one axis: two a sample, and adaptive samples (which only go upwards) touch a row once.
long taps_of(long bins, long size, long sampling_ratio) {
  return bins * (sampling_ratio > 0 ? 2 * sampling_ratio : size + 1);
}

template <long BYTES>
struct Room {
  alignas(64) char fixed[BYTES];
  char* data;
  explicit Room(long bytes) : data(bytes <= BYTES ? fixed : (char*)__builtin_malloc(bytes)) {}
  ~Room() {
    if (data != fixed) __builtin_free(data);
  }
};

struct Axes {
  Axis y, x;
};

long axes_size(const RoiShape& shape) {
  const long taps = taps_of(shape.pooled_height, shape.height, shape.sampling_ratio) +
                    taps_of(shape.pooled_width, shape.width, shape.sampling_ratio);
  return taps * (long)sizeof(Tap) + (shape.pooled_height + shape.pooled_width + 2) * (long)sizeof(long);
}

Axes axes_of(const float* roi, const RoiShape& shape, char* room) {
  const float shift = shape.aligned ? 0.5f : 0.0f;
  const float x1 = roi[1] * shape.spatial_scale - shift, y1 = roi[2] * shape.spatial_scale - shift;
  float w = roi[3] * shape.spatial_scale - shift - x1, h = roi[4] * shape.spatial_scale - shift - y1;
  if (!shape.aligned) {
    w = w > 1 ? w : 1;
    h = h > 1 ? h : 1;
  }
  Tap* taps = (Tap*)room;
  Tap* taps_x = taps + taps_of(shape.pooled_height, shape.height, shape.sampling_ratio);
  long* firsts = (long*)(taps_x + taps_of(shape.pooled_width, shape.width, shape.sampling_ratio));
  const Axes axes = {{firsts, taps}, {firsts + shape.pooled_height + 1, taps_x}};
  fill(axes.y, y1, h, shape.pooled_height, shape.height, shape.sampling_ratio);
  fill(axes.x, x1, w, shape.pooled_width, shape.width, shape.sampling_ratio);
  return axes;
}

// V vectors of channels of one bin.
template <int V>
QMIMIC_INLINE void gather(const float* map, const RoiShape& shape, Axes axes, long py, long px, float* bin) {
  vec sums[V] = {};
  for (long i = axes.y.first[py]; i < axes.y.first[py + 1]; i++) {
    const float* row = map + axes.y.taps[i].index * shape.width * shape.channels;
    for (long j = axes.x.first[px]; j < axes.x.first[px + 1]; j++) {
      const vec weight = splat(axes.y.taps[i].weight * axes.x.taps[j].weight);
      const float* at = row + axes.x.taps[j].index * shape.channels;
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
  for (long i = axes.y.first[py]; i < axes.y.first[py + 1]; i++) {
    float* row = map + axes.y.taps[i].index * shape.width * shape.channels;
    for (long j = axes.x.first[px]; j < axes.x.first[px + 1]; j++) {
      const vec weight = splat(axes.y.taps[i].weight * axes.x.taps[j].weight);
      float* at = row + axes.x.taps[j].index * shape.channels;
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) store(at + v * LANES, load(at + v * LANES) + weight * values[v]);
    }
  }
}

// ---- what the table holds ----

long scratch_size(const RoiShape& shape) { return shape.pooled_height * shape.pooled_width * shape.channels; }

// bins: [pooled_height, pooled_width, channels].
void forward(const float* map, const float* roi, float* bins, const RoiShape& shape) {
  Room<16384> room(axes_size(shape));
  const Axes axes = axes_of(roi, shape, room.data);
  for (long py = 0; py < shape.pooled_height; py++)
    for (long px = 0; px < shape.pooled_width; px++, bins += shape.channels) {
      long c = 0;
      for (; c + 4 * LANES <= shape.channels; c += 4 * LANES) gather<4>(map + c, shape, axes, py, px, bins + c);
      for (; c < shape.channels; c += LANES) gather<1>(map + c, shape, axes, py, px, bins + c);
    }
}

// Adds to the gradient of one image's map.
void backward(float* map, const float* roi, const float* bins, const RoiShape& shape) {
  Room<16384> room(axes_size(shape));
  const Axes axes = axes_of(roi, shape, room.data);
  for (long py = 0; py < shape.pooled_height; py++)
    for (long px = 0; px < shape.pooled_width; px++, bins += shape.channels) {
      long c = 0;
      for (; c + 4 * LANES <= shape.channels; c += 4 * LANES) spread<4>(map + c, shape, axes, py, px, bins + c);
      for (; c < shape.channels; c += LANES) spread<1>(map + c, shape, axes, py, px, bins + c);
    }
}

// to[column][row] = from[row][column]; rows and columns need be no multiple of anything.
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
      // A perfect shuffle of the rows, log2(LANES) times, is the transpose.
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
  kernels.roi_scratch = scratch_size;
  kernels.roi_forward = forward;
  kernels.roi_backward = backward;
}

}  // namespace qmimic::QMIMIC_ISA
