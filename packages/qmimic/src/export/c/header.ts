// The generated header: the detector's C interface.
import type { SourceParts } from "./parts.js";

/** The text of NAME.h. @param constantBytes size of weights and tables */
export function headerText(parts: SourceParts, constantBytes: number): string {
  const { name, format, width, height, model, memory } = parts;
  const upper = name.toUpperCase();
  const { classes, decoder } = model;
  return `/* Written by qmimic: a detector of ${classes.length} ${classes.length === 1 ? "class" : "classes"}, ${format}, for an input of ${width} x ${height} pixels.
   RAM ${memory.bytes} bytes plus stack and pictures; constants ${constantBytes} bytes plus code. */
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
  int label; /* index into ${name}_classes */
};

extern const char *const ${name}_classes[${upper}_CLASSES];

/* Minimum scores of detections; may be changed. */
extern float ${name}_thresholds[${upper}_CLASSES];

/* Finds objects, best first. The picture is RGB, 8 bits per channel, rows from the top, \`row_stride\` bytes apart;
   it is scaled to fit unless it has the input's size, and must be at most 32 times as wide or high as the input.
   Uses one block of static memory: not reentrant. Writes at most \`most\` detections and returns their number; -1 if an argument is
   invalid; -2 if the network outputs NaN or infinity. */
int ${name}_detect(const uint8_t *rgb, int width, int height, int row_stride, struct ${name}_detection *found, int most);

#ifdef __cplusplus
}
#endif

#endif
`;
}
