/* Position-sensitive RoIAlign and the mean over its cells: output c uses input channels c * size * size + cell. */
static void ps_roi_align(const struct region_operation *op, const float *region)
{
  const struct map *map = &maps[op->map];
  float *out = numbers_at(op->to_at);
  float pixels = (float)op->stride;
  float left = region[0] / pixels - 0.5f;
  float top = region[1] / pixels - 0.5f;
  float cell_width = (region[2] / pixels - 0.5f - left) / (float)op->size;
  float cell_height = (region[3] / pixels - 0.5f - top) / (float)op->size;
  float samples = (float)op->samples;
  int cells = op->size * op->size;
  int cell, sample, c;
  struct point point;
  for (c = 0; c < op->channels; c++) out[c] = 0.0f;
  for (cell = 0; cell < cells; cell++) {
    for (sample = 0; sample < op->samples * op->samples; sample++) {
      float y = top + cell_height * ((float)(cell / op->size) + ((float)(sample / op->samples) + 0.5f) / samples);
      float x = left + cell_width * ((float)(cell % op->size) + ((float)(sample % op->samples) + 0.5f) / samples);
      if (!point_at(map, y, x, &point)) continue;
      for (c = 0; c < op->channels; c++) out[c] += value_of(map, &point, c * cells + cell);
    }
  }
  for (c = 0; c < op->channels; c++) out[c] /= samples * samples * (float)cells;
}
