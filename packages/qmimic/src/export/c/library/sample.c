/* A point on a map: the four cells around it, and their weights. */
struct point {
  const number *cells[4];
  float shares[4];
};

/* Returns whether the point is at most one cell outside the map; beyond that everything is 0. */
static int point_at(const struct map *map, float y, float x, struct point *point)
{
  int top, left, right, below;
  float down, across;
  if (!(y >= -1.0f && y <= (float)map->height && x >= -1.0f && x <= (float)map->width)) return 0;
  if (y < 0.0f) y = 0.0f;
  if (x < 0.0f) x = 0.0f;
  top = (int)y < map->height - 1 ? (int)y : map->height - 1;
  left = (int)x < map->width - 1 ? (int)x : map->width - 1;
  below = top < map->height - 1;
  right = left < map->width - 1;
  down = below ? y - (float)top : 0.0f;
  across = right ? x - (float)left : 0.0f;
  point->cells[0] = row_of(map, top) + left * map->channels;
  point->cells[1] = point->cells[0] + right * map->channels;
  point->cells[2] = row_of(map, top + below) + left * map->channels;
  point->cells[3] = point->cells[2] + right * map->channels;
  point->shares[0] = (1.0f - down) * (1.0f - across);
  point->shares[1] = (1.0f - down) * across;
  point->shares[2] = down * (1.0f - across);
  point->shares[3] = down * across;
  return 1;
}

static float value_of(const struct map *map, const struct point *point, int channel)
{
  float sum = 0.0f;
  int k;
  for (k = 0; k < 4; k++) sum += point->shares[k] * value_at(map, point->cells[k], channel);
  return sum;
}
