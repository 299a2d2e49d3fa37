/* Greedy NMS within each class; kept[0..] are indices in the list. Returns their number, at most `most`. */
static int suppress(const struct candidate *list, int count, uint32_t *kept, int most)
{
  int found = 0;
  int i, k;
  for (i = 0; i < count && found < most; i++) {
    for (k = 0; k < found; k++)
      if (overlap(list[i].box, list[kept[k]].box) > NMS_OVERLAP && label_of(&list[i]) == label_of(&list[kept[k]])) break;
    if (k == found) kept[found++] = (uint32_t)i;
  }
  return found;
}

/* Box voting: moves box `survivor` to the score-weighted mean of the boxes of its class that overlap it. */
static void vote(const struct candidate *list, int count, int survivor, float *box)
{
  float total = 0.0f;
  int i, k;
  for (k = 0; k < 4; k++) box[k] = 0.0f;
  for (i = 0; i < count; i++) {
    if (i != survivor && (label_of(&list[i]) != label_of(&list[survivor]) ||
                          !(overlap(list[i].box, list[survivor].box) >= VOTE_OVERLAP)))
      continue;
    total += list[i].score;
    for (k = 0; k < 4; k++) box[k] += list[i].score * list[i].box[k];
  }
  for (k = 0; k < 4; k++) box[k] = total > 0.0f ? box[k] / total : list[survivor].box[k];
}

/* Writes the best `most` detections, in pixels of the picture; returns their number. */
static int keep_best(struct candidate *list, int count, struct DETECTOR(detection) *found, int most)
{
  uint32_t *kept = (uint32_t *)(void *)(arena_bytes + KEPT_AT);
  int written = 0;
  int survivors, k;
  count = clip_candidates(list, count, 0.01f);
  survivors = suppress(list, count, kept, MAX_DETECTIONS);
  for (k = 0; k < survivors && written < most; k++) {
    const struct candidate *one = &list[kept[k]];
    struct DETECTOR(detection) *to = &found[written];
    float box[4];
    if (!(one->score >= DETECTOR(thresholds)[label_of(one)])) continue;
    vote(list, count, (int)kept[k], box);
    to->xmin = clamped(box[0] / picture.scale, (float)picture.width);
    to->ymin = clamped(box[1] / picture.scale, (float)picture.height);
    to->xmax = clamped(box[2] / picture.scale, (float)picture.width);
    to->ymax = clamped(box[3] / picture.scale, (float)picture.height);
    to->score = one->score;
    to->label = label_of(one);
    written++;
  }
  return written;
}
