/* NaN stays NaN, so that an overflow is noticed. */
static void max_pool_row(const struct operation *op, int y)
{
  const struct map *from = &maps[op->from];
  const struct map *to = &maps[op->to];
  int channels = from->channels;
  int top = y * op->stride - op->padding;
  int bottom = top + op->kernel > from->height ? from->height : top + op->kernel;
  number *out = new_row(to, y);
  int x, c, row, column;
  if (top < 0) top = 0;
  for (row = top; row < bottom; row++) {
    const number *cells = row_of(from, row);
    for (x = 0; x < to->width; x++) {
      int left = x * op->stride - op->padding;
      int right = left + op->kernel > from->width ? from->width : left + op->kernel;
      number *largest = out + x * channels;
      if (left < 0) left = 0;
      if (row == top) memcpy(largest, cells + left * channels, (size_t)channels * sizeof(number));
      for (column = left; column < right; column++)
        for (c = 0; c < channels; c++) {
          number value = cells[column * channels + c];
          if (value > largest[c] || IS_NAN(value)) largest[c] = value;
        }
    }
  }
}
