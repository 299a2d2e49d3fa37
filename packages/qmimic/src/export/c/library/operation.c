/* An operation that computes a map, one row at a time. */
struct operation {
  void (*row)(const struct operation *, int y);
  const weight *weights;
  const bias *biases;
  const int32_t *factors; /* for integers: a sum times its factor / 2^(32 + shift) is a number in the map */
  uint16_t from, other, to; /* maps */
  uint16_t groups;
  uint8_t kernel, stride, padding;
  uint8_t relu;
  uint8_t shift;
};
