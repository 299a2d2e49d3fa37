typedef float number;

#define IS_NAN(number) ((number) != (number))

/* A map with its last `rows` rows in a ring buffer: row y is at index y % rows. Cells are consecutive in a row,
   and channels in a cell; a row has `border` zero cells on either side. */
struct map {
  uint32_t at; /* offset in the arena, in bytes */
  uint16_t width, height, channels;
  uint16_t border;
  uint16_t rows;
  uint8_t bytes; /* of a number */
  number zero;
};
