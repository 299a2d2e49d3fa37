/* A level of 0 to 255 of channel c as the network sees it; the shift is 256 too large, so that cutting off rounds down. */
static int8_t normalised(float level, int c)
{
  int32_t value = (int32_t)(level * input_gains[c] + input_shifts[c]) - 256;
  return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}
