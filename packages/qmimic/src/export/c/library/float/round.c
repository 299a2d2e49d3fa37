/* Rounds to the nearest entry of {0, step, 2 step, ...}, ties down. */
static void round_row(const struct operation *op, int y)
{
  const struct map *to = &maps[op->to];
  const float *from = row_of(&maps[op->from], y);
  float *out = new_row(to, y);
  float step = op->weights[0];
  int count = to->width * to->channels;
  int i;
  for (i = 0; i < count; i++) {
    float entry = ceilf(from[i] / step - 0.5f);
    out[i] = entry <= 0.0f ? 0.0f : entry * step;
  }
}
