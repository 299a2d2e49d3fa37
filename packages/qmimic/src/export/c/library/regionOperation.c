/* An operation on a region; its numbers are in the arena. */
struct region_operation {
  void (*run)(const struct region_operation *, const float *region);
  const weight *weights;
  const float *biases;
  uint32_t from_at, to_at; /* offset in the arena, in bytes */
  uint16_t map; /* to pool regions from */
  int32_t inputs, channels;
  uint8_t size, samples, stride;
  uint8_t relu;
};

static float *numbers_at(uint32_t at)
{
  return (float *)(void *)(arena_bytes + at);
}
