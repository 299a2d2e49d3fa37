/* Weights are [channels][inputs], biases are the bias and the weights' scale of each channel. */
static void linear(const struct region_operation *op, const float *region)
{
  const float *from = numbers_at(op->from_at);
  const int8_t *weights = op->weights;
  float *out = numbers_at(op->to_at);
  int o, i;
  (void)region;
  for (o = 0; o < op->channels; o++, weights += op->inputs) {
    float sum = 0.0f;
    for (i = 0; i < op->inputs; i++) sum += (float)weights[i] * from[i];
    sum = op->biases[2 * o] + op->biases[2 * o + 1] * sum;
    out[o] = op->relu && sum < 0.0f ? 0.0f : sum;
  }
}
