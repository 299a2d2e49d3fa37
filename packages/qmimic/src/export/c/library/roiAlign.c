/* RoIAlign like torchvision's without "aligned": [channels][size][size]. */
static void roi_align(const struct region_operation *op, const float *region)
{
  const struct map *map = &maps[op->map];
  float *out = numbers_at(op->to_at);
  float pixels = (float)op->stride;
  float left = region[0] / pixels;
  float top = region[1] / pixels;
  float width = region[2] / pixels - left;
  float height = region[3] / pixels - top;
  float cell_width = (width > 1.0f ? width : 1.0f) / (float)op->size;
  float cell_height = (height > 1.0f ? height : 1.0f) / (float)op->size;
  float samples = (float)op->samples;
  int cells = op->size * op->size;
  int cell, sample, c;
  struct point point;
  for (cell = 0; cell < cells; cell++) {
    for (c = 0; c < op->channels; c++) out[c * cells + cell] = 0.0f;
    for (sample = 0; sample < op->samples * op->samples; sample++) {
      float y = top + cell_height * ((float)(cell / op->size) + ((float)(sample / op->samples) + 0.5f) / samples);
      float x = left + cell_width * ((float)(cell % op->size) + ((float)(sample % op->samples) + 0.5f) / samples);
      if (!point_at(map, y, x, &point)) continue;
      for (c = 0; c < op->channels; c++) out[c * cells + cell] += value_of(map, &point, c);
    }
    for (c = 0; c < op->channels; c++) out[c * cells + cell] /= samples * samples;
  }
}
