static uint32_t row_length(const struct map *map)
{
  return ((uint32_t)map->width + 2u * map->border) * map->channels;
}

/* The first cell of a row, after its border. */
static number *row_of(const struct map *map, int y)
{
  uint32_t at = (uint32_t)(y % map->rows) * row_length(map) + (uint32_t)map->border * map->channels;
  return (number *)(void *)(arena_bytes + map->at + at * map->bytes);
}

/* The memory of a map's next row, with its borders initialized. */
static number *new_row(const struct map *map, int y)
{
  number *row = row_of(map, y);
  int border = map->border * map->channels;
  int width = map->width * map->channels;
  int i;
  for (i = 0; i < border; i++) {
    row[i - border] = map->zero;
    row[width + i] = map->zero;
  }
  return row;
}
