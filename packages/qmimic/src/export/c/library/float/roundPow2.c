/* Rounds to the nearest entry of {0, 2^min, ..., 2^max}, ties down. */
static void round_pow2_row(const struct operation *op, int y)
{
  const struct map *to = &maps[op->to];
  const float *from = row_of(&maps[op->from], y);
  float *out = new_row(to, y);
  int least = (int)op->weights[0];
  int most = (int)op->weights[1];
  float half = ldexpf(1.0f, least - 1);
  int count = to->width * to->channels;
  int i;
  for (i = 0; i < count; i++) {
    int exponent;
    float fraction = frexpf(from[i], &exponent);
    if (fraction <= 0.75f) exponent--;
    if (exponent < least) exponent = least;
    if (exponent > most) exponent = most;
    out[i] = from[i] > half ? ldexpf(1.0f, exponent) : 0.0f;
  }
}
