#include "wide.h"

#include "functions.h"
#include "levels.h"

enum { ROWS = 4 };

static const double norm_epsilon = 1e-5;

/* IEEE 754 defines it to the last bit; without -fmath-errno it is one instruction. */
INLINE double root(double x) { return __builtin_sqrt(x); }

double sct_wide_root(double x) { return root(x); }

/* One output of `rows` rows; the weights are read once for all of them. */
INLINE void products(const float *weight, size_t inputs, const double *x, size_t step, int rows,
                     double *sums) {
    wide sum[ROWS] = {{0}};
    const size_t whole = inputs - inputs % WIDE;
    for (size_t i = 0; i < whole; i += WIDE) {
        const wide w = wide_of_floats(weight + i, WIDE);
        for (int r = 0; r < rows; r++) sum[r] += w * wide_of(x + (size_t)r * step + i, WIDE);
    }
    if (whole < inputs) {
        const wide w = wide_of_floats(weight + whole, inputs - whole);
        for (int r = 0; r < rows; r++)
            sum[r] += w * wide_of(x + (size_t)r * step + whole, inputs - whole);
    }
    for (int r = 0; r < rows; r++) sums[r] = wide_sum(sum[r]);
}

/* A block of the layer: what fits the caches is read again, so weights come from memory once. */
INLINE void block(const float *weight, const float *bias, size_t inputs, size_t outputs,
                  const double *x, size_t step, int rows, double *y) {
    double sums[ROWS];
    for (size_t o = 0; o < outputs; o++) {
        products(weight + o * inputs, inputs, x, step, rows, sums);
        for (int r = 0; r < rows; r++)
            y[(size_t)r * outputs + o] = sums[r] + (bias ? (double)bias[o] : 0);
    }
}

INLINE void sct_wide_linear_body(const float *weight, const float *bias, size_t inputs,
                                 size_t outputs, const double *x, size_t step, size_t count,
                                 double *y) {
    for (; count >= ROWS; count -= ROWS, x += ROWS * step, y += ROWS * outputs)
        block(weight, bias, inputs, outputs, x, step, ROWS, y);
    for (; count; count--, x += step, y += outputs)
        block(weight, bias, inputs, outputs, x, step, 1, y);
}
SCT_LEVELS(sct_wide_linear,
           (const float *weight, const float *bias, size_t inputs, size_t outputs, const double *x,
            size_t step, size_t count, double *y),
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

INLINE void sct_wide_attend_body(const double *q, const double *keys, const double *values,
                                 size_t known, size_t size, double *weights, double *y) {
    const double scale = 1 / root((double)size);
    for (size_t p = 0; p < known; p++) {
        wide sum = {0};
        for (size_t i = 0; i < size; i += WIDE)
            sum += wide_of(q + i, size - i) * wide_of(keys + p * size + i, size - i);
        weights[p] = wide_sum(sum) * scale;
    }
    sct_wide_softmax_body(weights, known);
    for (size_t i = 0; i < size; i += WIDE) {
        wide sum = {0};
        for (size_t p = 0; p < known; p++)
            sum += weights[p] * wide_of(values + p * size + i, size - i);
        wide_store(y + i, sum, size - i);
    }
}
SCT_LEVELS(sct_wide_attend,
           (const double *q, const double *keys, const double *values, size_t known, size_t size,
            double *weights, double *y),
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
