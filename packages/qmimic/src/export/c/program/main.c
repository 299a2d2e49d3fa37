/* Reads pictures (width and height as 32-bit integers, then RGB bytes) from a file and prints the detections in
   each. The word detector is replaced by the source's name. */
#include "detector.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef MOST
#define MOST DETECTOR_MAX_DETECTIONS
#endif
#ifndef SPARE
#define SPARE 0 /* bytes between rows */
#endif

#ifdef TICKS
uint32_t ticks(void);
#else
#define ticks() 0u
#endif

int main(void)
{
  static struct detector_detection found[MOST];
  int32_t size[2];
  FILE *file = fopen("pictures.bin", "rb");
  uint32_t began;
  int i, y, count;
  if (file == NULL) return 1;
#ifdef EVERY_SCORE
  for (i = 0; i < DETECTOR_CLASSES; i++) detector_thresholds[i] = 0.0f;
#endif
  while (fread(size, sizeof size, 1, file) == 1) {
    size_t stride = 3u * (size_t)size[0] + SPARE;
    /* No bytes after the last row, so that reading past it is detected. */
    uint8_t *rgb = (uint8_t *)malloc(stride * (size_t)size[1] - SPARE);
    if (rgb == NULL) return 1;
    for (y = 0; y < size[1]; y++)
      if (fread(rgb + stride * (size_t)y, 3, (size_t)size[0], file) != (size_t)size[0]) return 1;
    began = ticks();
    count = detector_detect(rgb, size[0], size[1], (int)stride, found, MOST);
    fprintf(stderr, "%u\n", (unsigned)(ticks() - began));
    printf("%d\n", count);
    for (i = 0; i < count; i++)
      printf("%d %.9g %.9g %.9g %.9g %.9g\n", found[i].label, (double)found[i].score, (double)found[i].xmin, (double)found[i].ymin, (double)found[i].xmax, (double)found[i].ymax);
    free(rgb);
  }
  fclose(file);
  return 0;
}
