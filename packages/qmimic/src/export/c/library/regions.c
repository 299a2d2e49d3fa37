/* Decodes the second stage's region outputs to boxes with scores. */
static int label_of(const struct candidate *one)
{
  return (int)(one->place % LABELS) - 1;
}

/* Softmax over the labels, in place; returns whether all numbers are finite. */
static int softmax(float *logits)
{
  float largest = logits[0];
  float sum = 0.0f;
  int i;
  for (i = 0; i < LABELS; i++) {
    if (!is_number(logits[i])) return 0;
    if (logits[i] > largest) largest = logits[i];
  }
  for (i = 0; i < LABELS; i++) {
    logits[i] = expf(logits[i] - largest);
    sum += logits[i];
  }
  for (i = 0; i < LABELS; i++) logits[i] /= sum;
  return 1;
}

/* Returns their number; -1 if the network's output is not finite. */
static int find_candidates(struct candidate *list)
{
  struct candidate *regions = (struct candidate *)(void *)(arena_bytes + PROPOSALS_AT);
  float *scores = numbers_at(REGION_LOGITS_AT);
  const float *deltas = numbers_at(REGION_DELTAS_AT);
  int proposed = propose(regions);
  int count = 0;
  int r, i;
  for (r = 0; r < proposed; r++) {
    for (i = 0; i < REGION_OPERATIONS; i++) region_operations[i].run(&region_operations[i], regions[r].box);
    if (!softmax(scores)) return -1;
    for (i = 1; i < LABELS; i++) {
      struct candidate one;
      if (!(scores[i] > LEAST_SCORE)) continue;
      one.score = scores[i];
      one.place = (uint32_t)(r * LABELS + i);
      move_box(regions[r].box, deltas + (SHARED_DELTAS ? 0 : 4 * i), box_weights, one.box);
      if (!is_box(one.box)) return -1;
      count = keep_candidate(list, count, MAX_CANDIDATES, &one);
    }
  }
  if (proposed < 0) return -1;
  sort_candidates(list, count);
  return count;
}
