/* Decodes cell outputs to boxes with scores. */
static int label_of(const struct candidate *one)
{
  return (int)(one->place / CELLS);
}

static void place_box(struct candidate *one)
{
  const struct map *map = &maps[DISTANCES];
  int cell = (int)(one->place % CELLS);
  int row = cell / map->width;
  float x = (float)(cell - row * map->width) + 0.5f;
  float y = (float)row + 0.5f;
  const number *numbers = row_of(map, row);
  float distances[4];
  int k;
  for (k = 0; k < 4; k++) distances[k] = distance_of(value_at(map, numbers, cell % map->width * 4 + k));
  one->box[0] = (x - distances[0]) * STRIDE;
  one->box[1] = (y - distances[1]) * STRIDE;
  one->box[2] = (x + distances[2]) * STRIDE;
  one->box[3] = (y + distances[3]) * STRIDE;
}

/* Returns their number; -1 if the network's output is not finite. */
static int find_candidates(struct candidate *list)
{
  const struct map *map = &maps[LOGITS];
  int count = 0;
  int i, c, x, y;
  for (c = 0; c < map->channels; c++) {
    for (y = 0; y < map->height; y++) {
      const number *row = row_of(map, y);
      for (x = 0; x < map->width; x++) {
        struct candidate one;
        memset(&one, 0, sizeof one);
        one.score = value_at(map, row, x * map->channels + c);
        one.place = (uint32_t)((c * map->height + y) * map->width + x);
        if (!is_number(one.score)) return -1;
        if (one.score >= LEAST_LOGIT) count = keep_candidate(list, count, MAX_CANDIDATES, &one);
      }
    }
  }
  sort_candidates(list, count);
  for (i = 0; i < count; i++) {
    place_box(&list[i]);
    if (!is_box(list[i].box)) return -1;
    list[i].score = 1.0f / (1.0f + expf(-list[i].score));
  }
  return count;
}
