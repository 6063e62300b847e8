/* Eight doubles at a time, and the functions of the mathematical library that networks need, the
   same to the last bit with every compiler and on every processor (see lanes.h for how). */

#ifndef SCT_FUNCTIONS_H
#define SCT_FUNCTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF /* GCC needs -ffp-contract=off or -std=c11 for it */
#endif
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors never cross a call: all that take one are inlined */

enum { WIDE = 8 };
typedef double wide __attribute__((vector_size(64)));
typedef int64_t longs __attribute__((vector_size(64)));
typedef float narrow __attribute__((vector_size(32)));

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#endif

/* The first `left` of eight numbers at x, zeros after them. */
INLINE wide wide_of(const double *x, size_t left) {
    wide v = {0};
    if (left >= WIDE)
        memcpy(&v, x, sizeof v);
    else
        memcpy(&v, x, left * sizeof *x);
    return v;
}

INLINE wide wide_of_floats(const float *x, size_t left) {
    narrow v = {0};
    if (left >= WIDE)
        memcpy(&v, x, sizeof v);
    else
        memcpy(&v, x, left * sizeof *x);
    return __builtin_convertvector(v, wide);
}

INLINE void wide_store(double *y, wide v, size_t left) {
    memcpy(y, &v, left >= WIDE ? sizeof v : left * sizeof *y);
}

/* Halves joined three times: number i with i + 4, then i + 2, i + 1. */
INLINE double wide_sum(wide v) {
    double part[WIDE];
    memcpy(part, &v, sizeof part);
    for (int half = WIDE / 2; half; half /= 2)
        for (int i = 0; i < half; i++) part[i] += part[i + half];
    return part[0];
}

INLINE wide wide_chosen(longs condition, wide yes, wide no) {
    return (wide)((condition & (longs)yes) | (~condition & (longs)no));
}

INLINE wide wide_abs(wide x) { return (wide)((longs)x & INT64_MAX); }

/* To the nearest whole number, of two equally near ones the even one; |x| below 2^51. */
INLINE wide wide_rounded(wide x) {
    const double shift = 6755399441055744.0; /* 1.5 * 2^52: the fraction has no room beside it */
    return (x + shift) - shift;
}

/* The bits of a whole number below 2^31 as an integer, without a conversion that processors lack. */
INLINE longs wide_whole(wide x) {
    const double shift = 6755399441055744.0;
    const wide shifted = x + shift;
    const wide base = {shift, shift, shift, shift, shift, shift, shift, shift};
    return (longs)shifted - (longs)base;
}

/* e^x to 3e-16 of itself between -700 and 700, where it stays at its value there; NaN for NaN. */
INLINE wide wide_exp(wide x) {
    const wide zero = {0};
    const longs known = x == x;
    const wide most = zero + 700, y = wide_chosen(x > most, most, wide_chosen(x < -most, -most, x));
    const wide k = wide_rounded((wide)((longs)y & known) * 1.4426950408889634);
    const wide r = (y - k * 0x1.62e42feep-1) - k * 1.9082149292705877e-10; /* two parts of ln 2 */
    wide p = zero + 1.0 / 479001600; /* the series of e^r, |r| <= ln 2 / 2 */
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r * r + r + 1;
    return p * (wide)((wide_whole(k) + 1023) << 52);
}

/* erf to 7e-16. erfc(x) = t P(t) e^(-x^2), t = 2 / (2 + x); P was fitted at Chebyshev's points for
   x from 0 to 6, and is a polynomial in (8 t - 5) / 3. */
INLINE wide wide_erf(wide x) {
    static const double fitted[] = {
        0.6056598670867835, 0.3121042135294457, 0.08378961740952864, 0.002515716718952343,
        -0.00418182107887255, -0.0001554903405029931, 0.0003070290354742975,
        -2.335037393813877e-05, -2.231003093067537e-05, 6.552179208746787e-06,
        6.097194187512578e-07, -8.174059539304487e-07, 1.7303077620013077e-07,
        3.4186324212979496e-08, -3.093917017934655e-08, 7.248333173865237e-09,
        1.041725860811722e-09, -1.425802596258857e-09, 3.76690348512283e-10, 8.285681018261693e-11,
        -5.034754802263098e-11};
    const wide zero = {0}, six = zero + 6, a = wide_abs(x);
    const wide near = wide_chosen(a > six, six, a), t = 2 / (2 + near), u = (8 * t - 5) / 3;
    wide p = zero + fitted[sizeof fitted / sizeof *fitted - 1];
    for (int i = (int)(sizeof fitted / sizeof *fitted) - 2; i >= 0; i--) p = p * u + fitted[i];
    const wide r = 1 - t * p * wide_exp(-near * near);
    return wide_chosen(x < 0, -r, wide_chosen(x == x, r, x));
}

/* Sines and cosines to 3e-16 of |x| below 1e6, and to 4e-9 below 1e8; beyond, x is taken for 0. */
INLINE void wide_turn(wide x, wide *sine, wide *cosine) {
    x = wide_chosen(wide_abs(x) < 1e8, x, x - x);
    const wide k = wide_rounded(x * 0.6366197723675814); /* quarters of a turn */
    wide r = x - k * 0x1.921fb544p+0;                       /* pi / 2 in three parts */
    r = (r - k * 0x1.0b4611a6p-34) - k * 0x1.3198a2e037073p-69;
    const wide z = r * r, zero = {0};
    wide s = zero - 1.0 / 1307674368000; /* the series, |r| <= pi / 4 */
    s = s * z + 1.0 / 6227020800;
    s = s * z - 1.0 / 39916800;
    s = s * z + 1.0 / 362880;
    s = s * z - 1.0 / 5040;
    s = s * z + 1.0 / 120;
    s = s * z - 1.0 / 6;
    s = s * z * r + r;
    wide c = zero + 1.0 / 20922789888000;
    c = c * z - 1.0 / 87178291200;
    c = c * z + 1.0 / 479001600;
    c = c * z - 1.0 / 3628800;
    c = c * z + 1.0 / 40320;
    c = c * z - 1.0 / 720;
    c = c * z + 1.0 / 24;
    c = c * z - 0.5;
    c = c * z + 1;
    const longs quarter = wide_whole(k), swapped = -(quarter & 1);
    const wide first = wide_chosen(swapped, c, s), second = wide_chosen(swapped, s, c);
    *sine = (wide)((longs)first ^ ((quarter & 2) << 62));
    *cosine = (wide)((longs)second ^ (((quarter + 1) & 2) << 62));
}

INLINE double wide_exp_of(double x) { return wide_exp((wide){x})[0]; }

#endif
