// The vector type of one instruction set (16, 8 or 4 floats) and the operations that the kernels need.
// Arithmetic uses GCC/clang vector extensions; intrinsics only where the extensions have no equivalent.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define QMIMIC_INLINE static inline __attribute__((always_inline))

namespace qmimic::QMIMIC_ISA {

#if defined(__AVX512F__)
#define QMIMIC_LANES 16
#elif defined(__AVX2__)
#define QMIMIC_LANES 8
#else
#define QMIMIC_LANES 4
#endif

constexpr long LANES = QMIMIC_LANES;
typedef float vec __attribute__((vector_size(QMIMIC_LANES * 4)));
typedef int mask __attribute__((vector_size(QMIMIC_LANES * 4)));
typedef float vec_at_any_address __attribute__((vector_size(QMIMIC_LANES * 4), aligned(4), may_alias));

QMIMIC_INLINE vec load(const float* p) { return *(const vec_at_any_address*)p; }
QMIMIC_INLINE void store(float* p, vec v) { *(vec_at_any_address*)p = v; }
QMIMIC_INLINE vec splat(float f) { return f - vec{}; }  // f - 0: keeps the sign of zero

// Keeps a loaded vector in a register: otherwise, GCC reloads it for each multiply-add that uses it.
QMIMIC_INLINE vec keep(vec v) {
#if QMIMIC_LANES == 16
  asm("" : "+v"(v));
#elif defined(__x86_64__)
  asm("" : "+x"(v));
#endif
  return v;
}

// Lane l is from[at[l]].
QMIMIC_INLINE vec gather(const float* from, const int* at) {
#if QMIMIC_LANES == 16
  return (vec)_mm512_i32gather_ps(_mm512_loadu_si512(at), from, 4);
#elif QMIMIC_LANES == 8
  return (vec)_mm256_i32gather_ps(from, _mm256_loadu_si256((const __m256i*)at), 4);
#else
  vec v;
  for (long i = 0; i < LANES; i++) v[i] = from[at[i]];
  return v;
#endif
}

// Loads or stores only the first n lanes, at the end of a row; the others read as zero and are not written.
QMIMIC_INLINE vec load_first(const float* p, long n) {
#if QMIMIC_LANES == 16
  return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif QMIMIC_LANES == 8
  const __m256i lanes = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  return (vec)_mm256_maskload_ps(p, lanes);
#else
  vec v = {};
  for (long i = 0; i < n; i++) v[i] = p[i];
  return v;
#endif
}

QMIMIC_INLINE void store_first(float* p, vec v, long n) {
#if QMIMIC_LANES == 16
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif QMIMIC_LANES == 8
  const __m256i lanes = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  _mm256_maskstore_ps(p, lanes, (__m256)v);
#else
  for (long i = 0; i < n; i++) p[i] = v[i];
#endif
}

// Loads LANES bytes as floats. (GCC's __builtin_convertvector converts them one by one.)
QMIMIC_INLINE vec load_bytes(const unsigned char* p) {
#if QMIMIC_LANES == 16
  return (vec)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p)));
#elif QMIMIC_LANES == 8
  return (vec)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)p)));
#else
  vec v;
  for (long i = 0; i < LANES; i++) v[i] = p[i];
  return v;
#endif
}

// The larger of two; b if either is NaN.
QMIMIC_INLINE vec larger(vec a, vec b) {
#if QMIMIC_LANES == 16
  return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif QMIMIC_LANES == 8
  return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return a > b ? a : b;
#endif
}

QMIMIC_INLINE float sum(vec v) {
#if QMIMIC_LANES == 16
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256((__m512)v), _mm512_extractf32x8_ps((__m512)v, 1));
#elif QMIMIC_LANES == 8
  const __m256 eight = (__m256)v;
#endif
#if QMIMIC_LANES >= 8
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
#else
  const vec four = v;
#endif
  return (four[0] + four[2]) + (four[1] + four[3]);
}

#if QMIMIC_LANES == 16
#define QMIMIC_EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define QMIMIC_ODDS 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define QMIMIC_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define QMIMIC_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif QMIMIC_LANES == 8
#define QMIMIC_EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define QMIMIC_ODDS 1, 3, 5, 7, 9, 11, 13, 15
#define QMIMIC_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define QMIMIC_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define QMIMIC_EVENS 0, 2, 4, 6
#define QMIMIC_ODDS 1, 3, 5, 7
#define QMIMIC_LOW 0, 4, 1, 5
#define QMIMIC_HIGH 2, 6, 3, 7
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define QMIMIC_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define QMIMIC_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (mask){__VA_ARGS__})
#endif

QMIMIC_INLINE vec evens(vec a, vec b) { return QMIMIC_SHUFFLE(a, b, QMIMIC_EVENS); }
QMIMIC_INLINE vec odds(vec a, vec b) { return QMIMIC_SHUFFLE(a, b, QMIMIC_ODDS); }
QMIMIC_INLINE vec interleave_low(vec a, vec b) { return QMIMIC_SHUFFLE(a, b, QMIMIC_LOW); }
QMIMIC_INLINE vec interleave_high(vec a, vec b) { return QMIMIC_SHUFFLE(a, b, QMIMIC_HIGH); }

}  // namespace qmimic::QMIMIC_ISA
