/* A level of 0 to 255 of channel c as the network sees it. */
static float normalised(float level, int c)
{
  return level * input_gains[c] + input_shifts[c];
}
