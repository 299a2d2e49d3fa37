typedef int8_t number;

/* A map of which the last `rows` rows are in memory, in a ring: row y is in place y % rows. Cells are side by side in a row,
   a cell's channels are, too; `border` cells of zeros stand on either side. A number q means scale * (q - zero). */
struct map {
  uint32_t at; /* bytes from the beginning of the arena */
  uint16_t width, height, channels;
  uint16_t border;
  uint16_t rows;
  uint8_t bytes; /* of a number; 2: of an int16_t, which the decoder alone reads */
  number zero;
  float scale;
};
