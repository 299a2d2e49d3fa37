/* The picture, and its placement in the input: as large as fits, at the top left; the rest is 0. */
static struct {
  const uint8_t *rgb;
  ptrdiff_t row_stride;
  int width, height;
  int taken_width, taken_height; /* of the input */
  float scale; /* input pixels per picture pixel */
} picture;

/* Maximum size of a picture relative to the input. */
#define LARGEST_REDUCTION 32

static float clamped(float value, float most)
{
  return value < 0.0f ? 0.0f : value > most ? most : value;
}

/* round(length * to / from), at least 1. Fits for the longest picture, 32 * 4096 pixels, and the largest input, 4096. */
static int scaled_length(int length, int to, int from)
{
  uint32_t doubled = 2u * (uint32_t)length * (uint32_t)to + (uint32_t)from;
  int scaled = (int)(doubled / (2u * (uint32_t)from));
  return scaled < 1 ? 1 : scaled;
}

static void place_picture(const uint8_t *rgb, int width, int height, ptrdiff_t row_stride)
{
  int by_width = (int32_t)height * INPUT_WIDTH <= (int32_t)width * INPUT_HEIGHT;
  picture.rgb = rgb;
  picture.row_stride = row_stride;
  picture.width = width;
  picture.height = height;
  picture.taken_width = by_width ? INPUT_WIDTH : scaled_length(width, INPUT_HEIGHT, height);
  picture.taken_height = by_width ? scaled_length(height, INPUT_WIDTH, width) : INPUT_HEIGHT;
  picture.scale = by_width ? (float)INPUT_WIDTH / (float)width : (float)INPUT_HEIGHT / (float)height;
}

/* The filter for one input position along an axis: a triangle with a radius of one input pixel for downscaling,
   of one picture pixel for upscaling. */
struct taps {
  int first, count;
  float weights[2 * LARGEST_REDUCTION];
};

static void find_taps(struct taps *taps, int at, int length)
{
  float scale = picture.scale;
  float slope = scale < 1.0f ? scale : 1.0f;
  float centre = clamped(((float)at + 0.5f) / scale - 0.5f, (float)(length - 1));
  float total = 0.0f;
  int t;
  taps->count = scale < 1.0f ? (int)ceilf(2.0f / scale) : 2;
  if (taps->count > length) taps->count = length;
  taps->first = (int)floorf(centre - 1.0f / slope) + 1;
  if (taps->first > length - taps->count) taps->first = length - taps->count;
  if (taps->first < 0) taps->first = 0;
  for (t = 0; t < taps->count; t++) {
    float weight = 1.0f - fabsf((float)(taps->first + t) - centre) * slope;
    taps->weights[t] = weight > 0.0f ? weight : 0.0f;
    total += taps->weights[t];
  }
  if (scale < 1.0f)
    for (t = 0; t < taps->count; t++) taps->weights[t] /= total;
}

/* A row of the input from a picture of the input's size. */
static void copy_row(const uint8_t *pixels, number *out)
{
  int x, c;
  for (x = 0; x < INPUT_WIDTH; x++)
    for (c = 0; c < 3; c++) *out++ = normalised((float)*pixels++, c);
}

static void resample_row(int y, number *out)
{
  struct taps down, across;
  int x, row, column;
  find_taps(&down, y, picture.height);
  for (x = 0; x < picture.taken_width; x++) {
    const uint8_t *pixels;
    float red = 0.0f, green = 0.0f, blue = 0.0f;
    find_taps(&across, x, picture.width);
    pixels = picture.rgb + down.first * picture.row_stride + 3 * across.first;
    for (row = 0; row < down.count; row++, pixels += picture.row_stride) {
      const uint8_t *pixel = pixels;
      float r = 0.0f, g = 0.0f, b = 0.0f;
      for (column = 0; column < across.count; column++, pixel += 3) {
        float weight = across.weights[column];
        r += weight * (float)pixel[0];
        g += weight * (float)pixel[1];
        b += weight * (float)pixel[2];
      }
      red += down.weights[row] * r;
      green += down.weights[row] * g;
      blue += down.weights[row] * b;
    }
    *out++ = normalised(red, 0);
    *out++ = normalised(green, 1);
    *out++ = normalised(blue, 2);
  }
}

static void draw_row(const struct operation *op, int y)
{
  const struct map *to = &maps[op->to];
  number *out = new_row(to, y);
  int taken = y < picture.taken_height ? picture.taken_width : 0;
  int i;
  if (taken > 0 && picture.width == INPUT_WIDTH && picture.height == INPUT_HEIGHT)
    copy_row(picture.rgb + y * picture.row_stride, out);
  else if (taken > 0)
    resample_row(y, out);
  for (i = 3 * taken; i < 3 * INPUT_WIDTH; i++) out[i] = to->zero;
}
