// Sixteen bytes at once, in the compiler's own vectors (SSE2 on x86-64, Advanced SIMD on arm64): what Swift's SIMD types cannot say is
// "which of these lanes", as the bits of a number. Bit i stands for byte i.
#ifndef TIDEGATE_CVECTOR_H
#define TIDEGATE_CVECTOR_H
#include <stdint.h>

typedef uint8_t tg_bytes8 __attribute__((ext_vector_type(8)));
typedef uint8_t tg_bytes16 __attribute__((ext_vector_type(16)));
typedef char tg_lanes16 __attribute__((ext_vector_type(16)));
typedef _Bool tg_bits16 __attribute__((ext_vector_type(16)));

static inline tg_bytes16 tg_load16(const uint8_t *bytes) {
  tg_bytes16 x;
  __builtin_memcpy(&x, bytes, sizeof x);
  return x;
}

static inline uint32_t tg_mask16(tg_lanes16 lanes) {
  tg_bits16 bits = __builtin_convertvector(lanes, tg_bits16);
  uint16_t mask;
  __builtin_memcpy(&mask, &bits, sizeof mask);
  return mask;
}

/// Which of 16 bytes are control characters, HTAB and DEL among them.
static inline uint32_t tg_controls16(const uint8_t *bytes) {
  tg_bytes16 x = tg_load16(bytes);
  return tg_mask16((x < 0x20) | (x == 0x7f));
}

/// Which of 16 bytes are neither letters nor hyphens.
static inline uint32_t tg_others16(const uint8_t *bytes) {
  tg_bytes16 x = tg_load16(bytes);
  tg_bytes16 letter = (x | 0x20) - 'a';
  return tg_mask16((letter > 25) & (x != '-'));
}

/// Writes the 16 hexadecimal digits of a number, lower case, the most significant first.
static inline void tg_hex16(uint8_t *out, uint64_t value) {
  tg_bytes8 x;
  value = __builtin_bswap64(value);
  __builtin_memcpy(&x, &value, sizeof x);
  tg_bytes16 digits = __builtin_shufflevector(x >> 4, x & 15, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  digits += '0' + ((tg_bytes16)(digits > 9) & ('a' - '0' - 10));
  __builtin_memcpy(out, &digits, sizeof digits);
}
#endif
