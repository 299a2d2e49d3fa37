/* Weights are [channels][inputs]. */
static void linear(const struct region_operation *op, const float *region)
{
  const float *from = numbers_at(op->from_at);
  const float *weights = op->weights;
  float *out = numbers_at(op->to_at);
  int o, i;
  (void)region;
  for (o = 0; o < op->channels; o++, weights += op->inputs) {
    float sum = op->biases[o];
    for (i = 0; i < op->inputs; i++) sum += weights[i] * from[i];
    out[o] = op->relu && sum < 0.0f ? 0.0f : sum;
  }
}
