/* Four numbers at each of two positions in a row, times four weights of each of two channels, so that each load
   is used twice. */
struct sums {
  int32_t av, aw, bv, bw;
};

static inline void add_products(const int8_t *a, const int8_t *b, const int8_t *weights, struct sums *sums)
{
#ifdef TWO_PRODUCTS
  uint32_t a4 = four_bytes(a), b4 = four_bytes(b);
  uint32_t a02 = bytes_02(a4), a13 = bytes_13(a4), b02 = bytes_02(b4), b13 = bytes_13(b4);
  uint32_t v4 = four_bytes(weights), w4 = four_bytes(weights + 4);
  uint32_t v02 = bytes_02(v4), v13 = bytes_13(v4), w02 = bytes_02(w4), w13 = bytes_13(w4);
  sums->av = add_two_products(a13, v13, add_two_products(a02, v02, sums->av));
  sums->bv = add_two_products(b13, v13, add_two_products(b02, v02, sums->bv));
  sums->aw = add_two_products(a13, w13, add_two_products(a02, w02, sums->aw));
  sums->bw = add_two_products(b13, w13, add_two_products(b02, w02, sums->bw));
#else
  sums->av += a[0] * weights[0] + a[1] * weights[1] + a[2] * weights[2] + a[3] * weights[3];
  sums->bv += b[0] * weights[0] + b[1] * weights[1] + b[2] * weights[2] + b[3] * weights[3];
  sums->aw += a[0] * weights[4] + a[1] * weights[5] + a[2] * weights[6] + a[3] * weights[7];
  sums->bw += b[0] * weights[4] + b[1] * weights[5] + b[2] * weights[6] + b[3] * weights[7];
#endif
}

/* Weights are [channels / 2][kernel][span / 4][2][4], where a span is a row of the kernel over all inputs;
   channels and spans are padded with zeros, so numbers read past a span do not count. Zero points are included
   in the biases. */
static void conv_row(const struct operation *op, int y)
{
  const struct map *from = &maps[op->from];
  const struct map *to = &maps[op->to];
  const int8_t *rows[LARGEST_KERNEL];
  const int8_t *pair = op->weights;
  struct writer out = writer_of(op, new_row(to, y));
  int span = (op->kernel * from->channels + 3) & ~3;
  int step = op->stride * from->channels;
  int channels = to->channels;
  int x, o, ky;
  for (ky = 0; ky < op->kernel; ky++)
    rows[ky] = row_or_zeros(from, y * op->stride - op->padding + ky) - op->padding * from->channels;
  for (o = 0; o < channels; o += 2, pair += 2 * op->kernel * span) {
    int two_channels = o + 1 < channels;
    int32_t first = op->biases[o], second = op->biases[o + two_channels];
    int32_t factor = op->factors[o], other = op->factors[o + two_channels];
    for (x = 0; x < to->width; x += 2) {
      int two_places = x + 1 < to->width;
      int at = x * channels + o;
      const int8_t *weights = pair;
      struct sums sums;
      sums.av = sums.bv = first;
      sums.aw = sums.bw = second;
      for (ky = 0; ky < op->kernel; ky++) {
        const int8_t *a = rows[ky] + x * step;
        const int8_t *b = a + two_places * step;
        const int8_t *end = a + span;
        for (; a < end; a += 4, b += 4, weights += 8) add_products(a, b, weights, &sums);
      }
      write_sum(&out, at, sums.av, factor);
      if (two_channels) write_sum(&out, at + 1, sums.aw, other);
      if (!two_places) continue;
      write_sum(&out, at + channels, sums.bv, factor);
      if (two_channels) write_sum(&out, at + channels + 1, sums.bw, other);
    }
  }
}
