/* `stride` is the factor. */
static void upsample_row(const struct operation *op, int y)
{
  const struct map *to = &maps[op->to];
  const number *cells = row_of(&maps[op->from], y / op->stride);
  number *out = new_row(to, y);
  int x, c;
  for (x = 0; x < to->width; x++)
    for (c = 0; c < to->channels; c++) *out++ = cells[x / op->stride * to->channels + c];
}
