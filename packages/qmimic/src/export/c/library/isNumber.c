static int is_number(float value)
{
  return value - value == 0.0f;
}

static int is_box(const float *box)
{
  return is_number(box[0]) && is_number(box[1]) && is_number(box[2]) && is_number(box[3]);
}
