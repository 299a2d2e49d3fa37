/* Normalizes a 0..255 value of channel c. */
static float normalised(float level, int c)
{
  return level * input_gains[c] + input_shifts[c];
}
