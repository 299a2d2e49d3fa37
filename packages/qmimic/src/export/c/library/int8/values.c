/* The real value of number i of a row. */
static float value_at(const struct map *map, const int8_t *row, int i)
{
  int16_t wide;
  if (map->bytes == 1) return map->scale * (float)(row[i] - map->zero);
  memcpy(&wide, row + 2 * i, sizeof wide);
  return map->scale * (float)wide;
}
