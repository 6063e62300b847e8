/* Linear layers whose weights are floats, for wide.c and narrow.c. */

#ifndef SCT_LINEAR_H
#define SCT_LINEAR_H

#include <stddef.h>
#include <string.h>

#include "functions.h"

enum { SCT_ROWS = 4 }; /* of inputs, for which weights are read once */

/* Sums stay in registers only if their loops are unrolled. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 8")
#endif

/* name(weight, bias, inputs, outputs, x, step, count, y), as sct_wide_linear. Sums of `number` run
   in `lanes` lanes, which are several `vectors`, and which `folded` joins; `stored` are as many
   floats as a vector has numbers. A few rows stay in the nearest cache while all weights pass by. */
#define SCT_LINEAR(name, number, vectors, stored, lanes, folded)                                \
    INLINE void name##_add(const float *weight, const number *x, size_t step, int rows,         \
                           vectors sum[SCT_ROWS][lanes * sizeof(number) / sizeof(vectors)]) {   \
        enum { SIZE = sizeof(vectors) / sizeof(number), PARTS = lanes / SIZE };                 \
        UNROLLED for (int p = 0; p < PARTS; p++) {                                              \
            stored part;                                                                        \
            memcpy(&part, weight + p * SIZE, sizeof part);                                      \
            const vectors w = __builtin_convertvector(part, vectors);                           \
            UNROLLED for (int r = 0; r < rows; r++) {                                           \
                vectors v;                                                                      \
                memcpy(&v, x + (size_t)r * step + p * SIZE, sizeof v);                          \
                sum[r][p] += w * v;                                                             \
            }                                                                                   \
        }                                                                                       \
    }                                                                                           \
    /* The last inputs, fewer than there are lanes, with zeros after them. */                   \
    INLINE void name##_end(const float *weight, size_t left, const number *x, size_t step,      \
                           int rows,                                                            \
                           vectors sum[SCT_ROWS][lanes * sizeof(number) / sizeof(vectors)]) {   \
        float last[lanes] = {0};                                                                \
        number ends[SCT_ROWS * lanes] = {0};                                                    \
        memcpy(last, weight, left * sizeof *last);                                              \
        for (int r = 0; r < rows; r++)                                                          \
            memcpy(ends + r * lanes, x + (size_t)r * step, left * sizeof *x);                   \
        name##_add(last, ends, lanes, rows, sum);                                               \
    }                                                                                           \
    INLINE void name##_output(const float *weight, size_t inputs, const number *x, size_t step, \
                              int rows, number *sums) {                                         \
        vectors sum[SCT_ROWS][lanes * sizeof(number) / sizeof(vectors)] = {{{0}}};              \
        const size_t whole = inputs - inputs % lanes;                                           \
        for (size_t i = 0; i < whole; i += lanes) name##_add(weight + i, x + i, step, rows, sum); \
        if (whole < inputs)                                                                     \
            name##_end(weight + whole, inputs - whole, x + whole, step, rows, sum);             \
        UNROLLED for (int r = 0; r < rows; r++) sums[r] = folded(sum[r]);                       \
    }                                                                                           \
    INLINE void name##_block(const float *weight, const float *bias, size_t inputs,             \
                             size_t outputs, const number *x, size_t step, int rows,            \
                             number *y) {                                                       \
        number sums[SCT_ROWS];                                                                  \
        for (size_t o = 0; o < outputs; o++) {                                                  \
            name##_output(weight + o * inputs, inputs, x, step, rows, sums);                    \
            for (int r = 0; r < rows; r++)                                                      \
                y[(size_t)r * outputs + o] = sums[r] + (bias ? (number)bias[o] : 0);            \
        }                                                                                       \
    }                                                                                           \
    INLINE __attribute__((unused)) void name(                                                   \
        const float *weight, const float *bias, size_t inputs, size_t outputs, const number *x, \
        size_t step, size_t count, number *y) {                                                 \
        for (; count >= SCT_ROWS; count -= SCT_ROWS, x += SCT_ROWS * step, y += SCT_ROWS * outputs) \
            name##_block(weight, bias, inputs, outputs, x, step, SCT_ROWS, y);                  \
        for (; count; count--, x += step, y += outputs)                                         \
            name##_block(weight, bias, inputs, outputs, x, step, 1, y);                         \
    }

#endif
