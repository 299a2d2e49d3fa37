#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
/* Two products per instruction: Cortex-M4, M7, M33 and similar. */
#define TWO_PRODUCTS

static inline uint32_t four_bytes(const int8_t *from)
{
  uint32_t bytes;
  memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

static inline uint32_t bytes_02(uint32_t four)
{
  uint32_t two;
  __asm__("sxtb16 %0, %1" : "=r"(two) : "r"(four));
  return two;
}

static inline uint32_t bytes_13(uint32_t four)
{
  uint32_t two;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(two) : "r"(four));
  return two;
}

static inline int32_t add_two_products(uint32_t a, uint32_t b, int32_t sum)
{
  int32_t more;
  __asm__("smlad %0, %1, %2, %3" : "=r"(more) : "r"(a), "r"(b), "r"(sum));
  return more;
}
#endif
