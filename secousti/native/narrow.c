#include "narrow.h"

#include "functions.h"
#include "lanes.h"
#include "layers.h"
#include "levels.h"

enum { ROWS = 4 };

/* One output of `rows` rows; the weights are read once for all of them. */
INLINE void products(const float *weight, size_t inputs, const float *x, int rows, float *sums) {
    lanes total[ROWS] = {{0}};
    const size_t whole = inputs - inputs % LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        const lanes w = load(weight + i, LANES);
        for (int r = 0; r < rows; r++) total[r] += w * load(x + (size_t)r * inputs + i, LANES);
    }
    const int left = (int)(inputs - whole);
    if (left) {
        const lanes w = load(weight + whole, left);
        for (int r = 0; r < rows; r++) total[r] += w * load(x + (size_t)r * inputs + whole, left);
    }
    for (int r = 0; r < rows; r++) sums[r] = sum(total[r]);
}

INLINE void block(const float *weight, const float *bias, size_t inputs, size_t outputs,
                  const float *x, int rows, float *y) {
    float sums[ROWS];
    for (size_t o = 0; o < outputs; o++) {
        products(weight + o * inputs, inputs, x, rows, sums);
        for (int r = 0; r < rows; r++) y[(size_t)r * outputs + o] = sums[r] + bias[o];
    }
}

INLINE void sct_narrow_linear_body(const float *weight, const float *bias, size_t inputs,
                                   size_t outputs, const float *x, size_t count, float *y) {
    for (; count >= ROWS; count -= ROWS, x += ROWS * inputs, y += ROWS * outputs)
        block(weight, bias, inputs, outputs, x, ROWS, y);
    for (; count; count--, x += inputs, y += outputs)
        block(weight, bias, inputs, outputs, x, 1, y);
}
SCT_LEVELS(sct_narrow_linear,
           (const float *weight, const float *bias, size_t inputs, size_t outputs, const float *x,
            size_t count, float *y),
           (weight, bias, inputs, outputs, x, count, y))

INLINE void sct_narrow_norm_body(const float *gain, const float *bias, size_t size, const float *x,
                                 float *y) {
    normalise(x, gain, bias, 1e-5f, y, (int)size);
}
SCT_LEVELS(sct_narrow_norm,
           (const float *gain, const float *bias, size_t size, const float *x, float *y),
           (gain, bias, size, x, y))

INLINE void sct_narrow_gelu_body(float *x, size_t size) { gelu(x, (int)size); }
SCT_LEVELS(sct_narrow_gelu, (float *x, size_t size), (x, size))

INLINE void sct_narrow_join_body(const float *scale, size_t width, size_t count, const float *y,
                                 float *x) {
    for (size_t row = 0; row < count; row++, x += width, y += width) add(x, scale, y, (int)width);
}
SCT_LEVELS(sct_narrow_join,
           (const float *scale, size_t width, size_t count, const float *y, float *x),
           (scale, width, count, y, x))

INLINE void sct_narrow_depthwise_body(const float *weight, const float *bias, size_t taps,
                                      size_t width, const float *rows, size_t count, float *y) {
    for (size_t r = 0; r < count; r++, y += width) {
        memcpy(y, bias, width * sizeof *y);
        for (size_t k = 0; k < taps; k++)
            add(y, weight + k * width, rows + (r + k) * width, (int)width);
    }
}
SCT_LEVELS(sct_narrow_depthwise,
           (const float *weight, const float *bias, size_t taps, size_t width, const float *rows,
            size_t count, float *y),
           (weight, bias, taps, width, rows, count, y))
