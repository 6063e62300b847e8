#include "narrow.h"

#include "functions.h"
#include "lanes.h"
#include "layers.h"
#include "levels.h"
#include "linear.h"

INLINE float joined(const void *vectors) {
    lanes v;
    memcpy(&v, vectors, sizeof v);
    return sum(v);
}

SCT_LINEAR(by_128, float, four, four, LANES, joined)
SCT_LINEAR(by_256, float, eight, eight, LANES, joined)
SCT_LINEAR(by_512, float, lanes, lanes, LANES, joined)
#define BY_SIZE(name)                                                                        \
    INLINE __attribute__((unused)) void sct_narrow_linear_##name(                            \
        const float *weight, const float *bias, size_t inputs, size_t outputs, const float *x, \
        size_t count, float *y) {                                                            \
        by_##name(weight, bias, inputs, outputs, x, inputs, count, y);                       \
    }
BY_SIZE(128)
BY_SIZE(256)
BY_SIZE(512)
SCT_LEVELS_BY_SIZE(sct_narrow_linear,
                   (const float *weight, const float *bias, size_t inputs, size_t outputs,
                    const float *x, size_t count, float *y),
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
