/* A candidate detection: place identifies its cell or region, and its class. */
struct candidate {
  float score;
  uint32_t place;
  float box[4]; /* xmin, ymin, xmax, ymax, in pixels of the input */
};

/* Sorts candidates by descending score, ties by place. */
static int before(const struct candidate *a, const struct candidate *b)
{
  return a->score > b->score || (a->score == b->score && a->place < b->place);
}

/* Heap with the worst candidate at the root. Sifts down the entry at `at`. */
static void sift_down(struct candidate *heap, int count, int at)
{
  struct candidate moved = heap[at];
  for (;;) {
    int child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && before(&heap[child], &heap[child + 1])) child++;
    if (!before(&moved, &heap[child])) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

/* Inserts a candidate into a heap of the `most` best, if it is good enough; returns the heap's size. */
static int keep_candidate(struct candidate *heap, int count, int most, const struct candidate *one)
{
  int at = count;
  if (count == most) {
    if (!before(one, &heap[0])) return count;
    heap[0] = *one;
    sift_down(heap, count, 0);
    return count;
  }
  while (at > 0 && before(&heap[(at - 1) / 2], one)) {
    heap[at] = heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  heap[at] = *one;
  return count + 1;
}

/* Sorts a heap, best first. */
static void sort_candidates(struct candidate *heap, int count)
{
  while (count > 1) {
    struct candidate last = heap[0];
    heap[0] = heap[--count];
    heap[count] = last;
    sift_down(heap, count, 0);
  }
}

/* Clips boxes to the picture, and drops those with a side under `least` pixels. Returns how many are left. */
static int clip_candidates(struct candidate *list, int count, float least)
{
  int kept = 0;
  int i, k;
  for (i = 0; i < count; i++) {
    float *box = list[i].box;
    for (k = 0; k < 4; k++)
      box[k] = clamped(box[k], (float)(k % 2 == 0 ? picture.taken_width : picture.taken_height));
    if (box[2] - box[0] >= least && box[3] - box[1] >= least) list[kept++] = list[i];
  }
  return kept;
}

static float overlap(const float *a, const float *b)
{
  float width = (a[2] < b[2] ? a[2] : b[2]) - (a[0] > b[0] ? a[0] : b[0]);
  float height = (a[3] < b[3] ? a[3] : b[3]) - (a[1] > b[1] ? a[1] : b[1]);
  float shared = width * height;
  if (!(width > 0.0f && height > 0.0f)) return 0.0f;
  return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared);
}
