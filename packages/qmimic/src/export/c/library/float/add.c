static void add_row(const struct operation *op, int y)
{
  const struct map *to = &maps[op->to];
  const float *a = row_of(&maps[op->from], y);
  const float *b = row_of(&maps[op->other], y);
  float *out = new_row(to, y);
  int count = to->width * to->channels;
  int i;
  for (i = 0; i < count; i++) {
    float sum = a[i] + b[i];
    out[i] = op->relu && sum < 0.0f ? 0.0f : sum;
  }
}
