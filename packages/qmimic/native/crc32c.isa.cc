// CRC-32C (Castagnoli; RFC 3720, 12.1 and B.4): with the processor's instruction if it has one, otherwise with tables.
#include "kernels/vec.h"
#include "training_kernels.h"

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

namespace qmimic::QMIMIC_ISA {
namespace {

#if defined(__SSE4_2__)
QMIMIC_INLINE uint32_t next_byte(uint32_t rest, uint8_t byte) { return _mm_crc32_u8(rest, byte); }
QMIMIC_INLINE uint32_t next_word(uint32_t rest, uint64_t word) { return (uint32_t)_mm_crc32_u64(rest, word); }
#else
// table[k][byte]: the remainder of a byte followed by k zero bytes.
struct Tables {
  uint32_t table[8][256];
  constexpr Tables() : table() {
    constexpr uint32_t POLYNOMIAL = 0x82f63b78;  // bits reversed
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t rest = byte;
      for (int bit = 0; bit < 8; bit++) rest = rest >> 1 ^ (rest & 1 ? POLYNOMIAL : 0);
      table[0][byte] = rest;
    }
    for (int k = 1; k < 8; k++)
      for (int byte = 0; byte < 256; byte++)
        table[k][byte] = table[k - 1][byte] >> 8 ^ table[0][table[k - 1][byte] & 255];
  }
};
constexpr Tables TABLES;

QMIMIC_INLINE uint32_t next_byte(uint32_t rest, uint8_t byte) {
  return rest >> 8 ^ TABLES.table[0][(rest ^ byte) & 255];
}

QMIMIC_INLINE uint32_t next_word(uint32_t rest, uint64_t word) {
  word ^= rest;
  uint32_t next = 0;
  for (int k = 0; k < 8; k++) next ^= TABLES.table[7 - k][word >> 8 * k & 255];
  return next;
}
#endif

// Continues from `before`, the checksum of the preceding bytes; 0 at the start.
uint32_t crc32c(const uint8_t* data, long bytes, uint32_t before) {
  uint32_t rest = ~before;
  long i = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  for (; i + 8 <= bytes; i += 8) {
    uint64_t word;
    __builtin_memcpy(&word, data + i, 8);
    rest = next_word(rest, word);
  }
#endif
  for (; i < bytes; i++) rest = next_byte(rest, data[i]);
  return ~rest;
}

}  // namespace

void provide_crc32c(TrainingKernels& kernels) { kernels.crc32c = crc32c; }

}  // namespace qmimic::QMIMIC_ISA
