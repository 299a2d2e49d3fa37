/* Normalizes a 0..255 value of channel c; the shift is 256 too large, so that truncation rounds down. */
static int8_t normalised(float level, int c)
{
  int32_t value = (int32_t)(level * input_gains[c] + input_shifts[c]) - 256;
  return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}
