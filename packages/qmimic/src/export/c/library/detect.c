int DETECTOR(detect)(const uint8_t *rgb, int width, int height, int row_stride, struct DETECTOR(detection) *found, int most)
{
  struct candidate *list = (struct candidate *)(void *)(arena_bytes + CANDIDATES_AT);
  int count;
  if (rgb == NULL || width < 1 || height < 1) return -1;
  if (width > LARGEST_REDUCTION * INPUT_WIDTH || height > LARGEST_REDUCTION * INPUT_HEIGHT) return -1;
  if (row_stride < 3 * width || most < 0 || (found == NULL && most > 0)) return -1;
  place_picture(rgb, width, height, row_stride);
  run_network();
  count = find_candidates(list);
  return count < 0 ? -2 : keep_best(list, count, found, most);
}
