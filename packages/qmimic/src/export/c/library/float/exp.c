static void exp_row(const struct operation *op, int y)
{
  const struct map *to = &maps[op->to];
  const float *from = row_of(&maps[op->from], y);
  float *out = new_row(to, y);
  float max = op->weights[0];
  int count = to->width * to->channels;
  int i;
  for (i = 0; i < count; i++) out[i] = expf(from[i] > max ? max : from[i]);
}
