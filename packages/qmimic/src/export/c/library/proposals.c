/* Maximum growth of a box: 1000 / 16 times. */
#define LARGEST_LOG 4.13516665f

/* Decodes deltas dx, dy, dw, dh, divided by their weights, to a box. */
static void move_box(const float *from, const float *deltas, const float *weights, float *box)
{
  float width = from[2] - from[0];
  float height = from[3] - from[1];
  float log_width = deltas[2] / weights[2];
  float log_height = deltas[3] / weights[3];
  float x = deltas[0] / weights[0] * width + (from[0] + 0.5f * width);
  float y = deltas[1] / weights[1] * height + (from[1] + 0.5f * height);
  width *= 0.5f * expf(log_width < LARGEST_LOG ? log_width : LARGEST_LOG);
  height *= 0.5f * expf(log_height < LARGEST_LOG ? log_height : LARGEST_LOG);
  box[0] = x - width;
  box[1] = y - height;
  box[2] = x + width;
  box[3] = y + height;
}

static void place_proposal(struct candidate *one)
{
  static const float unit[4] = {1.0f, 1.0f, 1.0f, 1.0f};
  const struct map *map = &maps[ANCHOR_DELTAS];
  int cells = map->width * map->height;
  int anchor = (int)(one->place / (uint32_t)cells);
  int cell = (int)(one->place % (uint32_t)cells);
  int x = cell % map->width;
  int y = cell / map->width;
  const number *row = row_of(map, y);
  float from[4], deltas[4];
  int k;
  for (k = 0; k < 4; k++) {
    from[k] = base_anchors[anchor][k] + (float)(k % 2 == 0 ? x : y) * STRIDE;
    deltas[k] = value_at(map, row, x * map->channels + 4 * anchor + k);
  }
  move_box(from, deltas, unit, one->box);
}

/* The best regions, best first; returns their number, or -1 if the network's output is not finite. */
static int propose(struct candidate *list)
{
  const struct map *map = &maps[ANCHOR_LOGITS];
  int count = 0;
  int kept = 0;
  int i, k, a, x, y;
  for (a = 0; a < map->channels; a++) {
    for (y = 0; y < map->height; y++) {
      const number *row = row_of(map, y);
      for (x = 0; x < map->width; x++) {
        struct candidate one;
        memset(&one, 0, sizeof one);
        one.score = value_at(map, row, x * map->channels + a);
        one.place = (uint32_t)((a * map->height + y) * map->width + x);
        if (!is_number(one.score)) return -1;
        if (one.score >= LEAST_ANCHOR_LOGIT) count = keep_candidate(list, count, MAX_ANCHORS, &one);
      }
    }
  }
  sort_candidates(list, count);
  for (i = 0; i < count; i++) {
    place_proposal(&list[i]);
    if (!is_box(list[i].box)) return -1;
  }
  count = clip_candidates(list, count, 0.001f);
  for (i = 0; i < count && kept < MAX_REGIONS; i++) {
    for (k = 0; k < kept; k++)
      if (overlap(list[i].box, list[k].box) > PROPOSAL_OVERLAP) break;
    if (k == kept) list[kept++] = list[i];
  }
  return kept;
}
