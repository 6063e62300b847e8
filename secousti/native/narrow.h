/* Layers in single precision, in which the vocoder speaks. Rows and sums as in wide.h. */

#ifndef SCT_NARROW_H
#define SCT_NARROW_H

#include <stddef.h>

/* y[count, outputs] = x[count, inputs] . weight^T + bias; weight [outputs, inputs], bias [outputs]. */
void sct_narrow_linear(const float *weight, const float *bias, size_t inputs, size_t outputs,
                       const float *x, size_t count, float *y);

/* y[size] = the layer norm of x[size]. */
void sct_narrow_norm(const float *gain, const float *bias, size_t size, const float *x, float *y);

void sct_narrow_gelu(float *x, size_t size);

/* x += scale * y, scale[width] for each of `count` rows. */
void sct_narrow_join(const float *scale, size_t width, size_t count, const float *y, float *x);

/* y[count, width]: each channel of rows[taps - 1 + count, width] convolved with its own taps
   [taps, width]; bias[width]. */
void sct_narrow_depthwise(const float *weight, const float *bias, size_t taps, size_t width,
                          const float *rows, size_t count, float *y);

#endif
