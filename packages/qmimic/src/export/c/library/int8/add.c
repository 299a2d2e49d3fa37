/* Biases are an offset (because zero points are not 0) and a multiplier for each of the two inputs. */
static void add_row(const struct operation *op, int y)
{
  const struct map *to = &maps[op->to];
  const int8_t *a = row_of(&maps[op->from], y);
  const int8_t *b = row_of(&maps[op->other], y);
  struct writer out = writer_of(op, new_row(to, y));
  int32_t summand = op->biases[0], first = op->biases[1], second = op->biases[2];
  int count = to->width * to->channels;
  int i;
  for (i = 0; i < count; i++) write_sum(&out, i, summand + first * a[i] + second * b[i], op->factors[0]);
}
