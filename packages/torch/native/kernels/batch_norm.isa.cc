// Batch norm, ReLU and 2x2 max pool on one plane (one image, one channel), forward and backward.
//
// Only x is kept for the backward pass: z = scale * x + shift is recomputed where needed, and with it the ReLU's mask
// and the pool's maximum (the first one in scan order, as in torch). Values that are not the maximum of a window, or
// are in a row or column that pooling drops, get no gradient from the output, but still get their part of the
// statistics' gradient.
#include "kernels.h"
#include "vec.h"

namespace qmimic::QMIMIC_ISA {
namespace {

constexpr long RUN = 32;  // vectors added in float before they are added to a double

struct Total {
  vec run = {};
  double total = 0;
  QMIMIC_INLINE void flush(Total& t) {
    t.total += sum(t.run);
    t.run = vec{};
  }
};

// The even and odd columns of 2 * LANES values; `count` is the number of pairs present.
struct Pair {
  vec even, odd;
};

QMIMIC_INLINE Pair load_pair(const float* p, long count) {
  if (count >= LANES) {
    const vec a = load(p), b = load(p + LANES);
    return {evens(a, b), odds(a, b)};
  }
  const long first = 2 * count < LANES ? 2 * count : LANES;
  const vec a = load_first(p, first), b = load_first(p + LANES, 2 * count - first);
  return {evens(a, b), odds(a, b)};
}

QMIMIC_INLINE void store_pair(float* p, Pair pair, long count) {
  const vec a = interleave_low(pair.even, pair.odd), b = interleave_high(pair.even, pair.odd);
  if (count >= LANES) {
    store(p, a);
    store(p + LANES, b);
    return;
  }
  const long first = 2 * count < LANES ? 2 * count : LANES;
  store_first(p, a, first);
  store_first(p + LANES, b, 2 * count - first);
}

QMIMIC_INLINE vec load_up_to(const float* p, long count) { return count >= LANES ? load(p) : load_first(p, count); }
QMIMIC_INLINE void store_up_to(float* p, vec v, long count) {
  count >= LANES ? store(p, v) : store_first(p, v, count);
}

// The four values of each window, and which one is the largest (second, third, fourth; otherwise the first).
struct Windows {
  Pair top, bottom;
  mask second, third, fourth, alive;
};

template <bool RELU>
QMIMIC_INLINE Windows windows_of(const float* x, long width, long count, vec scale, vec shift) {
  Windows w;
  w.top = load_pair(x, count);
  w.bottom = load_pair(x + width, count);
  vec best = w.top.even * scale + shift;
  const vec z1 = w.top.odd * scale + shift, z2 = w.bottom.even * scale + shift, z3 = w.bottom.odd * scale + shift;
  w.second = z1 > best;
  best = larger(z1, best);
  w.third = z2 > best;
  best = larger(z2, best);
  w.fourth = z3 > best;
  best = larger(z3, best);
  w.alive = RELU ? best > vec{} : best == best;
  return w;
}

// ---- moments ----

// Adds sum(x - pivot) and sum((x - pivot)^2) to moments[0] and moments[1].
void moments_of(const float* x, long count, float pivot, double* moments) {
  const vec middle = splat(pivot);
  long i = 0;
  while (i < count) {
    vec sums[4] = {}, squares[4] = {};
    const long end = i + 4 * RUN * LANES < count ? i + 4 * RUN * LANES : count;
    for (; i + 4 * LANES <= end; i += 4 * LANES)
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) {
        const vec d = load(x + i + j * LANES) - middle;
        sums[j] += d;
        squares[j] += d * d;
      }
    for (; i < end; i += LANES) {  // lanes past the end compute 0 - 0
      const vec d = end - i >= LANES ? load(x + i) - middle
                                     : load_first(x + i, end - i) - load_first((const float*)&middle, end - i);
      sums[0] += d;
      squares[0] += d * d;
    }
    moments[0] += sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
    moments[1] += sum((squares[0] + squares[1]) + (squares[2] + squares[3]));
  }
}

// ---- forward ----
// NaN stays NaN, as in torch: a network with a broken channel must not appear to work.

QMIMIC_INLINE vec larger_or_nan(vec a, vec b) { return a == a ? larger(a, b) : a; }

template <bool RELU>
void forward_plain(const float* x, float* y, const NormPlane& plane) {
  const vec scale = splat(plane.scale), shift = splat(plane.shift);
  const long count = plane.height * plane.width;
  for (long i = 0; i < count; i += LANES) {
    vec z = load_up_to(x + i, count - i) * scale + shift;
    if (RELU) z = larger(vec{}, z);
    store_up_to(y + i, z, count - i);
  }
}

template <bool RELU>
void forward_pool(const float* x, float* y, const NormPlane& plane) {
  const vec scale = splat(plane.scale), shift = splat(plane.shift);
  const long width = plane.width, half = width / 2;
  for (long row = 0; row < plane.height / 2; row++, x += 2 * width, y += half)
    for (long i = 0; i < half; i += LANES) {
      const Pair top = load_pair(x + 2 * i, half - i), bottom = load_pair(x + width + 2 * i, half - i);
      vec z = larger_or_nan(larger_or_nan(top.even * scale + shift, top.odd * scale + shift),
                            larger_or_nan(bottom.even * scale + shift, bottom.odd * scale + shift));
      if (RELU) z = larger(vec{}, z);
      store_up_to(y + i, z, half - i);
    }
}

// ---- backward, first pass: sum(dz) and sum(dz * (x - mean)) ----

template <bool RELU>
void sums_plain(const float* x, const float* gradient, double* sums, const NormPlane& plane) {
  const vec scale = splat(plane.scale), shift = splat(plane.shift), mean = splat(plane.mean);
  const long count = plane.height * plane.width;
  Total first, second;
  for (long i = 0; i < count;) {
    const long end = i + RUN * LANES < count ? i + RUN * LANES : count;
    for (; i < end; i += LANES) {
      const vec value = load_up_to(x + i, count - i);
      vec g = load_up_to(gradient + i, count - i);
      if (RELU) g = value * scale + shift > vec{} ? g : vec{};
      first.run += g;
      second.run += g * (value - mean);
    }
    Total::flush(first);
    Total::flush(second);
  }
  sums[0] = first.total;
  sums[1] = second.total;
}

template <bool RELU>
void sums_pool(const float* x, const float* gradient, double* sums, const NormPlane& plane) {
  const vec scale = splat(plane.scale), shift = splat(plane.shift), mean = splat(plane.mean);
  const long width = plane.width, half = width / 2;
  Total first, second;
  long run = 0;
  for (long row = 0; row < plane.height / 2; row++, x += 2 * width, gradient += half) {
    for (long i = 0; i < half; i += LANES) {
      const Windows w = windows_of<RELU>(x + 2 * i, width, half - i, scale, shift);
      const vec g = w.alive ? load_up_to(gradient + i, half - i) : vec{};
      vec winner = w.second ? w.top.odd : w.top.even;
      winner = w.third ? w.bottom.even : winner;
      winner = w.fourth ? w.bottom.odd : winner;
      first.run += g;
      second.run += g * (winner - mean);
      run++;
    }
    if (run >= RUN) {
      Total::flush(first);
      Total::flush(second);
      run = 0;
    }
  }
  Total::flush(first);
  Total::flush(second);
  sums[0] = first.total;
  sums[1] = second.total;
}

// ---- backward, second pass: dx = scale * dz + slope * x + offset ----

template <bool RELU>
void backward_plain(const float* x, const float* gradient, float* dx, float slope, float offset,
                    const NormPlane& plane) {
  const vec scale = splat(plane.scale), shift = splat(plane.shift), a = splat(slope), b = splat(offset);
  const long count = plane.height * plane.width;
  for (long i = 0; i < count; i += LANES) {
    const vec value = load_up_to(x + i, count - i);
    vec g = load_up_to(gradient + i, count - i);
    if (RELU) g = value * scale + shift > vec{} ? g : vec{};
    store_up_to(dx + i, g * scale + (value * a + b), count - i);
  }
}

template <bool RELU>
void backward_pool(const float* x, const float* gradient, float* dx, float slope, float offset,
                   const NormPlane& plane) {
  const vec scale = splat(plane.scale), shift = splat(plane.shift), a = splat(slope), b = splat(offset);
  const long width = plane.width, half = width / 2;
  for (long row = 0; row < plane.height / 2; row++, x += 2 * width, dx += 2 * width, gradient += half) {
    for (long i = 0; i < half; i += LANES) {
      const long count = half - i;
      const Windows w = windows_of<RELU>(x + 2 * i, width, count, scale, shift);
      vec g = (w.alive ? load_up_to(gradient + i, count) : vec{}) * scale;
      const vec g3 = w.fourth ? g : vec{};
      g = w.fourth ? vec{} : g;
      const vec g2 = w.third ? g : vec{};
      g = w.third ? vec{} : g;
      const vec g1 = w.second ? g : vec{};
      const vec g0 = w.second ? vec{} : g;
      store_pair(dx + 2 * i, {g0 + (w.top.even * a + b), g1 + (w.top.odd * a + b)}, count);
      store_pair(dx + width + 2 * i, {g2 + (w.bottom.even * a + b), g3 + (w.bottom.odd * a + b)}, count);
    }
    if (width % 2) {
      dx[width - 1] = x[width - 1] * slope + offset;
      dx[2 * width - 1] = x[2 * width - 1] * slope + offset;
    }
  }
  if (plane.height % 2)
    for (long i = 0; i < width; i++) dx[i] = x[i] * slope + offset;
}

// ---- entries of the kernel table ----

void forward(const float* x, float* y, const NormPlane& plane) {
  if (plane.pool)
    plane.relu ? forward_pool<true>(x, y, plane) : forward_pool<false>(x, y, plane);
  else
    plane.relu ? forward_plain<true>(x, y, plane) : forward_plain<false>(x, y, plane);
}

void backward_sums(const float* x, const float* gradient, double* sums, const NormPlane& plane) {
  if (plane.pool)
    plane.relu ? sums_pool<true>(x, gradient, sums, plane) : sums_pool<false>(x, gradient, sums, plane);
  else
    plane.relu ? sums_plain<true>(x, gradient, sums, plane) : sums_plain<false>(x, gradient, sums, plane);
}

void backward(const float* x, const float* gradient, float* dx, float slope, float offset, const NormPlane& plane) {
  if (plane.pool)
    plane.relu ? backward_pool<true>(x, gradient, dx, slope, offset, plane)
               : backward_pool<false>(x, gradient, dx, slope, offset, plane);
  else
    plane.relu ? backward_plain<true>(x, gradient, dx, slope, offset, plane)
               : backward_plain<false>(x, gradient, dx, slope, offset, plane);
}

}  // namespace

void provide_batch_norm(Kernels& kernels) {
  kernels.norm_moments = moments_of;
  kernels.norm_forward = forward;
  kernels.norm_backward_sums = backward_sums;
  kernels.norm_backward = backward;
}

}  // namespace qmimic::QMIMIC_ISA
