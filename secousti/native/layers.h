/* What layers in single precision are made of, for the packed codec (native.c) and for narrow.c. */

#ifndef SCT_LAYERS_H
#define SCT_LAYERS_H

#include "lanes.h"

/* IEEE 754 defines it to the last bit; without -fmath-errno it is one instruction. */
INLINE float root(float x) { return __builtin_sqrtf(x); }

INLINE void normalise(const float *x, const float *gain, const float *bias, float epsilon, float *y,
                      int n) {
    lanes total = {0}, square = {0};
    for (int i = 0; i < n; i += LANES) total += load(x + i, n - i);
    const float mean = sum(total) / (float)n;
    for (int i = 0; i < n; i++) y[i] = x[i] - mean;
    for (int i = 0; i < n; i += LANES) {
        const lanes v = load(y + i, n - i);
        square += v * v;
    }
    const float factor = 1 / root(sum(square) / (float)n + epsilon);
    for (int i = 0; i < n; i++) y[i] = y[i] * factor * gain[i] + bias[i];
}

INLINE void gelu(float *x, int n) {
    for (int i = 0; i < n; i += LANES) {
        const lanes v = load(x + i, n - i);
        store(x + i, 0.5f * v * (1 + error_function(v * 0.70710678f)), n - i);
    }
}

INLINE void add(float *x, const float *gain, const float *y, int n) {
    for (int i = 0; i < n; i++) x[i] += gain[i] * y[i];
}

#endif
