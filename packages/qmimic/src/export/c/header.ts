// The generated header: what a program sees of the detector.
import type { SourceParts } from "./parts.js";

/** The text of NAME.h. @param constantBytes of weights and tables */
export function headerText(parts: SourceParts, constantBytes: number): string {
  const { name, format, width, height, model, memory } = parts;
  const upper = name.toUpperCase();
  const { classes, decoder } = model;
  return `/* Written by qmimic: a detector of ${classes.length} ${classes.length === 1 ? "class" : "classes"}, ${format}, for an input of ${width} x ${height} pixels.
   RAM ${memory.bytes} bytes, stack and pictures on top; constants ${constantBytes} bytes, code on top. */
#ifndef ${upper}_H
#define ${upper}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${upper}_INPUT_WIDTH ${width}
#define ${upper}_INPUT_HEIGHT ${height}
#define ${upper}_CLASSES ${classes.length}
#define ${upper}_MAX_DETECTIONS ${decoder.keep.detections}
#define ${upper}_ARENA_BYTES ${memory.bytes}

struct ${name}_detection {
  float xmin, ymin, xmax, ymax; /* pixels of the picture */
  float score; /* 0 to 1 */
  int label; /* of ${name}_classes, from 0 */
};

extern const char *const ${name}_classes[${upper}_CLASSES];

/* Detections with lower scores are left out; may be changed. */
extern float ${name}_thresholds[${upper}_CLASSES];

/* Finds objects, best first. The picture is RGB, 8 bits a channel, rows from the top, \`row_stride\` bytes from one to the next;
   it is reduced or enlarged to fit, unless it is of the input's size, and at most 32 times as wide or high as the input.
   Works in one block of static memory: one call at a time. Returns how many were found and written, at most \`most\`; -1 when an argument does
   not fit; -2 when the network gives NaN or infinity. */
int ${name}_detect(const uint8_t *rgb, int width, int height, int row_stride, struct ${name}_detection *found, int most);

#ifdef __cplusplus
}
#endif

#endif
`;
}
