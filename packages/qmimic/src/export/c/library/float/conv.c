/* Weights are [channels][kernel][kernel][inputs]. */
static void conv_row(const struct operation *op, int y)
{
  const struct map *from = &maps[op->from];
  const struct map *to = &maps[op->to];
  const float *rows[LARGEST_KERNEL];
  int span = op->kernel * from->channels;
  int top = y * op->stride - op->padding;
  int first = top < 0 ? -top : 0;
  int end = top + op->kernel > from->height ? from->height - top : op->kernel;
  float *out = new_row(to, y);
  int x, o, ky, i;
  for (ky = first; ky < end; ky++) rows[ky] = row_of(from, top + ky);
  for (x = 0; x < to->width; x++) {
    int at = (x * op->stride - op->padding) * from->channels;
    const float *weights = op->weights;
    for (o = 0; o < to->channels; o++, weights += op->kernel * span) {
      float sum = op->biases[o];
      for (ky = first; ky < end; ky++) {
        const float *cells = rows[ky] + at;
        const float *row_weights = weights + ky * span;
        for (i = 0; i < span; i++) sum += row_weights[i] * cells[i];
      }
      *out++ = op->relu && sum < 0.0f ? 0.0f : sum;
    }
  }
}
