#include "wide.h"

#include "functions.h"
#include "levels.h"
#include "linear.h"

static const double norm_epsilon = 1e-5;

/* IEEE 754 defines it to the last bit; without -fmath-errno it is one instruction. */
INLINE double root(double x) { return __builtin_sqrt(x); }

double sct_wide_root(double x) { return root(x); }

INLINE double joined(const void *vectors) {
    wide v;
    memcpy(&v, vectors, sizeof v);
    return wide_sum(v);
}

/* Vectors as long as the processor's own: GCC keeps longer ones in memory, at a tenth of the speed.
   The numbers are the same. */
typedef double twos __attribute__((vector_size(16)));
typedef double fours __attribute__((vector_size(32)));
typedef wide eights;
typedef float two_floats __attribute__((vector_size(8)));
typedef float four_floats __attribute__((vector_size(16)));

SCT_LINEAR(sct_wide_linear_128, double, twos, two_floats, WIDE, joined)
SCT_LINEAR(sct_wide_linear_256, double, fours, four_floats, WIDE, joined)
SCT_LINEAR(sct_wide_linear_512, double, eights, narrow, WIDE, joined)
SCT_LEVELS_BY_SIZE(sct_wide_linear,
                   (const float *weight, const float *bias, size_t inputs, size_t outputs,
                    const double *x, size_t step, size_t count, double *y),
                   (weight, bias, inputs, outputs, x, step, count, y))

INLINE void sct_wide_spread_body(const float *weight, size_t inputs, size_t width, const double *x,
                                 double *y) {
    for (size_t i = 0; i < inputs; i++, weight += width)
        for (size_t j = 0; j < width; j += WIDE) {
            const wide sum = wide_of(y + j, width - j);
            wide_store(y + j, sum + x[i] * wide_of_floats(weight + j, width - j), width - j);
        }
}
SCT_LEVELS(sct_wide_spread,
           (const float *weight, size_t inputs, size_t width, const double *x, double *y),
           (weight, inputs, width, x, y))

INLINE void sct_wide_norm_body(const float *gain, const float *bias, size_t size, const double *x,
                               double *y) {
    wide total = {0}, square = {0};
    for (size_t i = 0; i < size; i += WIDE) total += wide_of(x + i, size - i);
    const double mean = wide_sum(total) / (double)size;
    for (size_t i = 0; i < size; i++) y[i] = x[i] - mean;
    for (size_t i = 0; i < size; i += WIDE) {
        const wide v = wide_of(y + i, size - i);
        square += v * v;
    }
    const double factor = 1 / root(wide_sum(square) / (double)size + norm_epsilon);
    for (size_t i = 0; i < size; i++) y[i] *= factor;
    if (gain)
        for (size_t i = 0; i < size; i++) y[i] = y[i] * (double)gain[i] + (double)bias[i];
}
SCT_LEVELS(sct_wide_norm,
           (const float *gain, const float *bias, size_t size, const double *x, double *y),
           (gain, bias, size, x, y))

INLINE void sct_wide_elu_body(double *x, size_t size) {
    for (size_t i = 0; i < size; i += WIDE) {
        const wide v = wide_of(x + i, size - i);
        wide_store(x + i, wide_chosen(v < 0, wide_exp(v) - 1, v), size - i);
    }
}
SCT_LEVELS(sct_wide_elu, (double *x, size_t size), (x, size))

INLINE void sct_wide_gelu_body(double *x, size_t size) {
    for (size_t i = 0; i < size; i += WIDE) {
        const wide v = wide_of(x + i, size - i);
        wide_store(x + i, 0.5 * v * (1 + wide_erf(v * 0.70710678118654752440)), size - i);
    }
}
SCT_LEVELS(sct_wide_gelu, (double *x, size_t size), (x, size))

INLINE void sct_wide_join_body(const float *scale, size_t width, size_t count, const double *y,
                               double *x) {
    for (size_t row = 0; row < count; row++, x += width, y += width)
        for (size_t i = 0; i < width; i++) x[i] += (double)scale[i] * y[i];
}
SCT_LEVELS(sct_wide_join,
           (const float *scale, size_t width, size_t count, const double *y, double *x),
           (scale, width, count, y, x))

INLINE void sct_wide_softmax_body(double *x, size_t size) {
    double most = x[0];
    wide total = {0};
    for (size_t i = 1; i < size; i++) most = x[i] > most ? x[i] : most;
    for (size_t i = 0; i < size; i += WIDE) {
        const wide e = wide_exp(wide_of(x + i, size - i) - most);
        wide_store(x + i, e, size - i);
        total += wide_of(x + i, size - i);
    }
    const double sum = wide_sum(total);
    for (size_t i = 0; i < size; i++) x[i] /= sum;
}
SCT_LEVELS(sct_wide_softmax, (double *x, size_t size), (x, size))

/* The first `left` of eight numbers at x, with zeros after them in `room` if there are fewer. */
INLINE const double *eight(const double *x, size_t left, double *room) {
    if (left >= WIDE) return x;
    memset(room, 0, WIDE * sizeof *room);
    memcpy(room, x, left * sizeof *room);
    return room;
}

#define ATTEND(name, vectors)                                                                    \
    INLINE double dot_##vectors(const double *a, const double *b, size_t size) {                 \
        enum { SIZE = sizeof(vectors) / sizeof(double), PARTS = WIDE / SIZE };                   \
        vectors sum[PARTS] = {{0}}, v, w;                                                        \
        double room[2][WIDE];                                                                    \
        for (size_t i = 0; i < size; i += WIDE) {                                                \
            const double *x = eight(a + i, size - i, room[0]);                                   \
            const double *y = eight(b + i, size - i, room[1]);                                   \
            UNROLLED for (int p = 0; p < PARTS; p++) {                                           \
                memcpy(&v, x + p * SIZE, sizeof v);                                              \
                memcpy(&w, y + p * SIZE, sizeof w);                                              \
                sum[p] += v * w;                                                                 \
            }                                                                                    \
        }                                                                                        \
        return joined(sum);                                                                      \
    }                                                                                            \
    INLINE void gather_##vectors(const double *weights, const double *values, size_t known,      \
                                 size_t size, size_t left, double *y) {                          \
        enum { SIZE = sizeof(vectors) / sizeof(double), PARTS = WIDE / SIZE };                   \
        vectors sum[PARTS] = {{0}}, v;                                                           \
        double room[WIDE];                                                                       \
        for (size_t k = 0; k < known; k++) {                                                     \
            const double *x = eight(values + k * size, left, room);                              \
            UNROLLED for (int p = 0; p < PARTS; p++) {                                           \
                memcpy(&v, x + p * SIZE, sizeof v);                                              \
                sum[p] += weights[k] * v;                                                        \
            }                                                                                    \
        }                                                                                        \
        memcpy(y, sum, (left < WIDE ? left : WIDE) * sizeof *y);                                 \
    }                                                                                            \
    INLINE __attribute__((unused)) void name(const double *q, const double *keys,                \
                                             const double *values, size_t known, size_t size,    \
                                             double *weights, double *y) {                       \
        const double scale = 1 / root((double)size);                                             \
        for (size_t k = 0; k < known; k++)                                                       \
            weights[k] = dot_##vectors(q, keys + k * size, size) * scale;                        \
        sct_wide_softmax_body(weights, known);                                                   \
        for (size_t i = 0; i < size; i += WIDE)                                                  \
            gather_##vectors(weights, values + i, known, size, size - i, y + i);                 \
    }

ATTEND(sct_wide_attend_128, twos)
ATTEND(sct_wide_attend_256, fours)
ATTEND(sct_wide_attend_512, eights)
SCT_LEVELS_BY_SIZE(sct_wide_attend,
                   (const double *q, const double *keys, const double *values, size_t known,
                    size_t size, double *weights, double *y),
                   (q, keys, values, known, size, weights, y))

INLINE void sct_wide_turns_body(const double *x, size_t size, double *sines, double *cosines) {
    for (size_t i = 0; i < size; i += WIDE) {
        wide sine, cosine;
        wide_turn(wide_of(x + i, size - i), &sine, &cosine);
        wide_store(sines + i, sine, size - i);
        wide_store(cosines + i, cosine, size - i);
    }
}
SCT_LEVELS(sct_wide_turns, (const double *x, size_t size, double *sines, double *cosines),
           (x, size, sines, cosines))

INLINE void sct_wide_sines_body(double *x, size_t size) {
    for (size_t i = 0; i < size; i += WIDE) {
        wide sine, cosine;
        wide_turn(wide_of(x + i, size - i), &sine, &cosine);
        wide_store(x + i, sine, size - i);
    }
}
SCT_LEVELS(sct_wide_sines, (double *x, size_t size), (x, size))

INLINE void sct_wide_powers_body(double *x, size_t size) {
    for (size_t i = 0; i < size; i += WIDE)
        wide_store(x + i, wide_exp(wide_of(x + i, size - i)), size - i);
}
SCT_LEVELS(sct_wide_powers, (double *x, size_t size), (x, size))
