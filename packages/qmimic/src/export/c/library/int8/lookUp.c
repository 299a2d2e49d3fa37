/* Weights are the lookup table, starting at -128. */
static void look_up_row(const struct operation *op, int y)
{
  const struct map *to = &maps[op->to];
  const int8_t *from = row_of(&maps[op->from], y);
  int8_t *out = new_row(to, y);
  int count = to->width * to->channels;
  int i;
  for (i = 0; i < count; i++) out[i] = op->weights[from[i] + 128];
}
