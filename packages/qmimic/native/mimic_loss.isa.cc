// The mimic loss of one image: regression layer, quantizer, weighted squared difference and all gradients in one pass
// over the cells with nonzero weight. No map with the teacher's number of channels is ever written to memory.
//
// Cells are processed in vectors of neighbours, skipping vectors without weight, and BLOCK vectors at a time; the three
// matrix products of a block (prediction, gradient of the features, gradient of the weights) run in tiles of TILE x
// BLOCK registers. Channels are padded to whole tiles with zeros. The teacher's channels are processed CHUNK at a time
// over all cells, so that their sums stay in the first levels of the cache.
#include "code.h"
#include "kernels/vec.h"
#include "training_kernels.h"

namespace qmimic::QMIMIC_ISA {
namespace {

constexpr long TILE = 4;
constexpr long BLOCK = 4;                // vectors
constexpr long CELLS = BLOCK * LANES;    // cells of a block
constexpr long CHUNK = 8 * TILE;         // of the teacher's channels at a time

QMIMIC_INLINE long padded(long channels) { return (channels + TILE - 1) / TILE * TILE; }

QMIMIC_INLINE vec load_cells(const float* map, long at, long size) {
  return size - at >= LANES ? load(map + at) : load_first(map + at, size - at);
}

QMIMIC_INLINE vec load_target(const float* map, long at, long size) { return load_cells(map, at, size); }

QMIMIC_INLINE vec load_target(const uint8_t* map, long at, long size) {
  if (size - at >= LANES) return load_bytes(map + at);
  uint8_t codes[LANES] = {};
  for (long i = 0; i < size - at; i++) codes[i] = map[at + i];
  return load_bytes(codes);
}

// The parts of the scratch.
struct Parts {
  float *features;    // [own, CELLS]
  float *gradient;    // [CHUNK, CELLS] of the prediction
  float *weights;     // [CHUNK, own, LANES] sums of the weights' gradient, added up over lanes at the end
  float *biases;      // [CHUNK, LANES]
};

Parts parts_of(float* scratch, long own) {
  Parts p;
  p.features = scratch;
  p.gradient = p.features + own * CELLS;
  p.weights = p.gradient + CHUNK * CELLS;
  p.biases = p.weights + CHUNK * own * LANES;
  return p;
}

long scratch(long own) {
  own = padded(own);
  return own * CELLS + CHUNK * CELLS + CHUNK * own * LANES + CHUNK * LANES;
}

// Adds the product of weights and `count` rows to TILE rows of a block:
// sum[i] += sum_k weight[i * across + k * along] * rows[k].
QMIMIC_INLINE void multiply(const float* weight, long across, long along, const float* rows, long count,
                            vec (&sum)[TILE][BLOCK]) {
  for (long k = 0; k < count; k++) {
    vec row[BLOCK];
    for (long v = 0; v < BLOCK; v++) row[v] = keep(load(rows + k * CELLS + v * LANES));
    for (long i = 0; i < TILE; i++) {
      const vec w = splat(weight[i * across + k * along]);
      for (long v = 0; v < BLOCK; v++) sum[i][v] += w * row[v];
    }
  }
}

// prediction[i] = bias[i] + sum_c weight[i][c] * features[c] for TILE channels.
QMIMIC_INLINE void predict(const float* weight, const float* bias, const float* features, float* prediction, long own) {
  vec sum[TILE][BLOCK];
  for (long i = 0; i < TILE; i++)
    for (long v = 0; v < BLOCK; v++) sum[i][v] = splat(bias[i]);
  multiply(weight, own, 1, features, own, sum);
  for (long i = 0; i < TILE; i++)
    for (long v = 0; v < BLOCK; v++) store(prediction + i * CELLS + v * LANES, sum[i][v]);
}

// Processes one channel of a block, and replaces the prediction by its gradient 2 * weight * (Q(prediction) - target).
// Adds the number of entries that equal the target to matches[0], and the number of those that are 0 to matches[1].
double compare(float* prediction, const float* target, const float* twice, float stride, long* matches) {
  float error[CELLS];
  if (stride > 0) {
    const float per_stride = 1 / stride;
    int same = 0, zero = 0;
    for (long j = 0; j < CELLS; j++) {
      const float p = prediction[j];
      const float code = code_by_border(p, stride, per_stride);
      // Exactly 0 where they are equal, also with fused multiply-adds.
      error[j] = p == p ? (code - target[j]) * stride : p;
      const int equal = (code == target[j]) & (p == p) & (twice[j] > 0);
      same += equal;
      zero += equal & (code == 0);
    }
    matches[0] += same;
    matches[1] += zero;
  } else {
    for (long j = 0; j < CELLS; j++) error[j] = prediction[j] - target[j];
  }
  vec total = {};
  for (long v = 0; v < CELLS; v += LANES) {
    const vec gradient = load(twice + v) * load(error + v);
    total += gradient * load(error + v);
    store(prediction + v, gradient);
  }
  return 0.5 * sum(total);
}

// Adds a block to the gradient of TILE x TILE weights.
QMIMIC_INLINE void to_weights(const float* gradient, const float* features, float* weights, long own) {
  vec sum[TILE][TILE] = {};
  for (long v = 0; v < BLOCK; v++) {
    vec f[TILE];
    for (long k = 0; k < TILE; k++) f[k] = keep(load(features + k * CELLS + v * LANES));
    for (long i = 0; i < TILE; i++) {
      const vec g = load(gradient + i * CELLS + v * LANES);
      for (long k = 0; k < TILE; k++) sum[i][k] += g * f[k];
    }
  }
  for (long i = 0; i < TILE; i++)
    for (long k = 0; k < TILE; k++) {
      float* to = weights + (i * own + k) * LANES;
      store(to, load(to) + sum[i][k]);
    }
}

// The loss of the teacher's channels [first, first + count), including padding, and their part of the gradients.
template <class Target>
double loss_of_chunk(const MimicImage& image, long first, long count, const Target* target, float* dfeatures,
                     float* dweight, float* dbias, const Parts& p, long* matches) {
  const long own = padded(image.own), size = image.size;
  const long present = image.teacher - first < count ? image.teacher - first : count;
  for (long i = 0; i < count * own * LANES; i++) p.weights[i] = 0;
  for (long i = 0; i < count * LANES; i++) p.biases[i] = 0;
  double loss = 0;
  long at = 0;
  while (at < size) {
    long place[BLOCK];
    float twice[CELLS];
    long vectors = 0;
    for (; at < size && vectors < BLOCK; at += LANES) {
      const vec w = load_cells(image.cells, at, size);
      bool any = false;
      for (long i = 0; i < LANES; i++) any |= w[i] != 0;
      if (!any) continue;
      store(twice + vectors * LANES, w + w);
      place[vectors++] = at;
    }
    if (vectors == 0) break;
    for (long v = vectors; v < BLOCK; v++) {  // an incomplete block: repeat the last vector with weight 0
      place[v] = place[vectors - 1];
      store(twice + v * LANES, vec{});
    }
    for (long c = 0; c < image.own; c++)
      for (long v = 0; v < BLOCK; v++)
        store(p.features + c * CELLS + v * LANES, load_cells(image.features + c * size, place[v], size));
    for (long t = 0; t < count; t += TILE) {
      float* g = p.gradient + t * CELLS;
      predict(image.weight + (first + t) * own, image.bias + first + t, p.features, g, own);
      for (long i = 0; i < TILE; i++) {
        if (t + i >= present) {
          for (long j = 0; j < CELLS; j++) g[i * CELLS + j] = 0;
          continue;
        }
        float goal[CELLS];
        const Target* row = target + (first + t + i) * size;
        for (long v = 0; v < BLOCK; v++) store(goal + v * LANES, load_target(row, place[v], size));
        loss += compare(g + i * CELLS, goal, twice, image.stride, matches);
      }
    }
    if (!dfeatures) continue;
    for (long c = 0; c < own; c += TILE) {
      // The gradient of TILE channels of the features: sum_t weight[t][c + i] * gradient[t].
      vec sum[TILE][BLOCK] = {};
      multiply(image.weight + first * own + c, 1, own, p.gradient, count, sum);
      for (long i = 0; i < TILE && c + i < image.own; i++)
        for (long v = 0; v < vectors; v++) {
          float* to = dfeatures + (c + i) * size + place[v];
          const vec all = load_cells(dfeatures + (c + i) * size, place[v], size) + sum[i][v];
          if (size - place[v] >= LANES)
            store(to, all);
          else
            store_first(to, all, size - place[v]);
        }
      for (long t = 0; t < count; t += TILE)
        to_weights(p.gradient + t * CELLS, p.features + c * CELLS, p.weights + (t * own + c) * LANES, own);
    }
    for (long t = 0; t < count; t++)
      for (long v = 0; v < BLOCK; v++) {
        float* to = p.biases + t * LANES;
        store(to, load(to) + load(p.gradient + t * CELLS + v * LANES));
      }
  }
  if (dfeatures)
    for (long t = 0; t < present; t++) {
      float* row = dweight + (first + t) * image.own;
      for (long c = 0; c < image.own; c++) row[c] = sum(load(p.weights + (t * own + c) * LANES));
      dbias[first + t] = sum(load(p.biases + t * LANES));
    }
  return loss;
}

// `dfeatures` must be zeros initially.
template <class Target>
double loss_of(const MimicImage& image, const Target* target, float* dfeatures, float* dweight, float* dbias,
               float* buffer, long* matches) {
  const long own = padded(image.own), teacher = padded(image.teacher);
  const Parts p = parts_of(buffer, own);
  for (long i = image.own * CELLS; i < own * CELLS; i++) p.features[i] = 0;
  double loss = 0;
  for (long first = 0; first < teacher; first += CHUNK) {
    const long count = teacher - first < CHUNK ? teacher - first : CHUNK;
    loss += loss_of_chunk(image, first, count, target, dfeatures, dweight, dbias, p, matches);
  }
  return loss;
}

double mimic_codes(const MimicImage& image, const uint8_t* target, float* dfeatures, float* dweight, float* dbias,
                   float* buffer, long* matches) {
  return loss_of(image, target, dfeatures, dweight, dbias, buffer, matches);
}

double mimic_features(const MimicImage& image, const float* target, float* dfeatures, float* dweight, float* dbias,
                      float* buffer, long* matches) {
  return loss_of(image, target, dfeatures, dweight, dbias, buffer, matches);
}

}  // namespace

void provide_mimic_loss(TrainingKernels& kernels) {
  kernels.mimic_tile = TILE;
  kernels.mimic_scratch = scratch;
  kernels.mimic_codes = mimic_codes;
  kernels.mimic_features = mimic_features;
}

}  // namespace qmimic::QMIMIC_ISA
