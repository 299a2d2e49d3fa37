/* Weights are [channels][kernel][kernel][inputs / groups]. */
static void grouped_conv_row(const struct operation *op, int y)
{
  const struct map *from = &maps[op->from];
  const struct map *to = &maps[op->to];
  const int8_t *rows[LARGEST_KERNEL];
  int inputs = from->channels / op->groups;
  int outputs = to->channels / op->groups;
  int top = y * op->stride - op->padding;
  struct writer out = writer_of(op, new_row(to, y));
  int x, o, ky, kx, i;
  for (ky = 0; ky < op->kernel; ky++) rows[ky] = row_or_zeros(from, top + ky);
  for (x = 0; x < to->width; x++) {
    int left = x * op->stride - op->padding;
    const int8_t *weights = op->weights;
    for (o = 0; o < to->channels; o++) {
      int at = left * from->channels + o / outputs * inputs;
      int32_t sum = op->biases[o];
      for (ky = 0; ky < op->kernel; ky++) {
        const int8_t *cell = rows[ky] + at;
        for (kx = 0; kx < op->kernel; kx++, weights += inputs, cell += from->channels)
          for (i = 0; i < inputs; i++) sum += weights[i] * cell[i];
      }
      write_sum(&out, x * to->channels + o, sum, op->factors[o]);
    }
  }
}
