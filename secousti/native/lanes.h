/* Sixteen floats at a time, on every processor and with every compiler the same to the last bit.

   What C leaves open about floats is decided here: sums run in sixteen fixed lanes that are joined
   in a fixed order, and nothing comes from the mathematical library but the square root, which
   IEEE 754 defines to the last bit. Compile with -ffp-contract=off and without -ffast-math; then
   SSE2, AVX2, AVX-512 and NEON, GCC and Clang, -O0 and -O3 give equal bits. */

#ifndef SECOUSTI_LANES_H
#define SECOUSTI_LANES_H

#include <stdint.h>
#include <string.h>

enum { LANES = 16 };

typedef float lanes __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));
typedef uint32_t words __attribute__((vector_size(64)));
typedef uint16_t halves __attribute__((vector_size(32)));
typedef uint8_t bytes __attribute__((vector_size(16)));

/* Vectors never cross a call, whose convention depends on the instructions compiled for. */
#define INLINE static inline __attribute__((always_inline))

/* The first `left` of sixteen numbers at x, zeros after them. */
INLINE lanes load(const float *x, int left) {
    lanes v = {0};
    if (left >= LANES)
        memcpy(&v, x, sizeof v);
    else
        memcpy(&v, x, (size_t)left * sizeof(float));
    return v;
}

INLINE void store(float *y, lanes v, int left) {
    memcpy(y, &v, left >= LANES ? sizeof v : (size_t)left * sizeof(float));
}

/* Sixteen bfloat16, the upper halves of floats. */
INLINE lanes widened(const uint16_t *x, int left) {
    halves v = {0};
    if (left >= LANES)
        memcpy(&v, x, sizeof v);
    else
        memcpy(&v, x, (size_t)left * sizeof(uint16_t));
    return (lanes)(__builtin_convertvector(v, words) << 16);
}

INLINE lanes chosen(ints condition, lanes yes, lanes no) {
    return (lanes)((condition & (ints)yes) | (~condition & (ints)no));
}

/* b where one of the two is NaN, as in the instructions of the same name. */
INLINE lanes smaller(lanes a, lanes b) { return chosen(a < b, a, b); }
INLINE lanes larger(lanes a, lanes b) { return chosen(a > b, a, b); }

/* Halves of the lanes joined four times: lane i with i + 8, then i + 4, i + 2, i + 1. */
#define FOLD(name, scalar, join)                            \
    INLINE scalar name(const void *v) {                     \
        scalar part[LANES];                                 \
        memcpy(part, v, sizeof part);                       \
        for (int n = LANES / 2; n; n /= 2)                  \
            for (int i = 0; i < n; i++) {                   \
                const scalar a = part[i], b = part[i + n];  \
                part[i] = join;                             \
            }                                               \
        return part[0];                                     \
    }
FOLD(fold_least, float, a < b ? a : b)
FOLD(fold_most, float, a > b ? a : b)
FOLD(fold_words, uint32_t, a > b ? a : b)
#undef FOLD

typedef float eight __attribute__((vector_size(32)));
typedef float four __attribute__((vector_size(16)));

/* As a FOLD with +; spelled out, because attention takes one sum for every position it hears. */
INLINE float sum(lanes v) {
    eight low, high;
    memcpy(&low, &v, sizeof low);
    memcpy(&high, (const char *)&v + sizeof low, sizeof high);
    low += high;
    four a, b;
    memcpy(&a, &low, sizeof a);
    memcpy(&b, (const char *)&low + sizeof a, sizeof b);
    a += b;
    return (a[0] + a[2]) + (a[1] + a[3]);
}

/* To the nearest whole number, of two equally near ones the even one; |x| below 2^22. */
INLINE lanes rounded(lanes x) {
    const float shift = 12582912; /* 1.5 * 2^23: the fraction has no room beside it */
    return (x + shift) - shift;
}

/* e^x to 2e-7 of itself between -87 and 88, where it stays at its value there; NaN for NaN. */
INLINE lanes exponential(lanes x) {
    const lanes zero = {0};
    x = chosen(x < -87, zero - 87, x);
    x = chosen(x > 88, zero + 88, x);
    const ints known = x == x;
    const lanes k = (lanes)(known & (ints)rounded(x * 1.44269504f));
    const lanes r = (x - k * 0.693359375f) + k * 2.12194440e-4f; /* x - k ln 2, in two parts */
    lanes p = r * 1.9841270e-4f + 1.3888889e-3f; /* the series of e^r, |r| <= ln 2 / 2 */
    p = p * r + 8.3333333e-3f;
    p = p * r + 4.1666667e-2f;
    p = p * r + 1.6666667e-1f;
    p = p * r + 0.5f;
    p = p * r * r + r + 1;
    return p * (lanes)((__builtin_convertvector(k, ints) + 127) << 23);
}

/* erf to 1.5e-7 (Abramowitz and Stegun 7.1.26). */
INLINE lanes error_function(lanes x) {
    const lanes a = (lanes)((ints)x & 0x7fffffff), t = 1 / (1 + 0.3275911f * a);
    lanes p = 1.061405429f * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    const lanes r = 1 - p * t * exponential(-a * a);
    return chosen(x < 0, -r, r);
}

#endif
