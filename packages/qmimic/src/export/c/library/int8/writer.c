/* A row of a map, or, above and below it, a row of zeros. */
static const int8_t *row_or_zeros(const struct map *map, int y)
{
  int8_t *zeros = (int8_t *)(arena_bytes + ZEROS_AT);
  if (y >= 0 && y < map->height) return row_of(map, y);
  memset(zeros, map->zero, row_length(map));
  return zeros + map->border * map->channels;
}

/* Output parameters of an operation's sums. */
struct writer {
  int8_t *row;
  int shift;
  int32_t half;
  int32_t zero, lowest, highest;
  int wide;
};

static struct writer writer_of(const struct operation *op, int8_t *row)
{
  const struct map *to = &maps[op->to];
  struct writer out;
  out.row = row;
  out.shift = op->shift;
  out.half = (int32_t)1 << (op->shift - 1);
  out.zero = to->zero;
  out.wide = to->bytes == 2;
  out.highest = out.wide ? 32767 : 127;
  out.lowest = op->relu ? out.zero : -out.highest - 1;
  return out;
}

/* Writes sum * factor / 2^(32 + shift) as number i of a row. */
static inline void write_sum(const struct writer *out, int i, int32_t sum, int32_t factor)
{
  int32_t value = ((int32_t)(((int64_t)sum * factor) >> 32) + out->half) >> out->shift;
  value += out->zero;
  if (value < out->lowest) value = out->lowest;
  if (value > out->highest) value = out->highest;
  if (out->wide) {
    int16_t wide = (int16_t)value;
    memcpy(out->row + 2 * i, &wide, sizeof wide);
  } else {
    out->row[i] = (int8_t)value;
  }
}
