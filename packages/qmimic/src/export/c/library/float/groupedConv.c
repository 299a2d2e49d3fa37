/* Weights are [channels][kernel][kernel][inputs / groups]. */
static void grouped_conv_row(const struct operation *op, int y)
{
  const struct map *from = &maps[op->from];
  const struct map *to = &maps[op->to];
  int inputs = from->channels / op->groups;
  int outputs = to->channels / op->groups;
  int top = y * op->stride - op->padding;
  float *out = new_row(to, y);
  int x, o, ky, kx, i;
  for (x = 0; x < to->width; x++) {
    int left = x * op->stride - op->padding;
    const float *weights = op->weights;
    for (o = 0; o < to->channels; o++) {
      int group = o / outputs * inputs;
      float sum = op->biases[o];
      for (ky = 0; ky < op->kernel; ky++) {
        const float *row;
        if (top + ky < 0 || top + ky >= from->height) {
          weights += op->kernel * inputs;
          continue;
        }
        row = row_of(from, top + ky) + group;
        for (kx = 0; kx < op->kernel; kx++, weights += inputs) {
          const float *cell = row + (left + kx) * from->channels;
          for (i = 0; i < inputs; i++) sum += weights[i] * cell[i];
        }
      }
      *out++ = op->relu && sum < 0.0f ? 0.0f : sum;
    }
  }
}
