/* Rounds to the nearest entry of {0, 2^min, ..., 2^max}, ties down. NaN stays NaN, so that an overflow is noticed. */
static void round_pow2_row(const struct operation *op, int y)
{
  const struct map *to = &maps[op->to];
  const float *from = row_of(&maps[op->from], y);
  float *out = new_row(to, y);
  int least = (int)op->weights[0];
  int most = (int)op->weights[1];
  float half = ldexpf(1.0f, least - 1);
  float largest = ldexpf(1.0f, most);
  int count = to->width * to->channels;
  int i;
  for (i = 0; i < count; i++) {
    float value = from[i];
    if (value > half) {
      int exponent;
      /* The exponent that frexpf returns for infinity is unspecified. */
      float fraction = frexpf(value < largest ? value : largest, &exponent);
      if (fraction <= 0.75f) exponent--;
      value = ldexpf(1.0f, exponent < least ? least : exponent);
    } else if (value == value) {
      value = 0.0f;
    }
    out[i] = value;
  }
}
