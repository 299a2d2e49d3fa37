/* What is made of a region: numbers in the arena. */
struct region_operation {
  void (*run)(const struct region_operation *, const float *region);
  const weight *weights;
  const float *biases;
  uint32_t from_at, to_at; /* bytes from the beginning of the arena */
  uint16_t map; /* that is read where regions are cut out */
  uint16_t inputs, channels;
  uint8_t size, samples, stride;
  uint8_t relu;
};

static float *numbers_at(uint32_t at)
{
  return (float *)(void *)(arena_bytes + at);
}
