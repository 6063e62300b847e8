/* Layers in double precision, in which tokens and log-mel are made.

   Inputs are rows of numbers one after the other. A convolution without dilation is a linear layer
   of as many neighbouring rows as its kernel is long. Every number is the same whatever `count` is,
   and whatever the processor can do: a stream is the whole. */

#ifndef SCT_WIDE_H
#define SCT_WIDE_H

#include <stddef.h>

/* y[count, outputs] = x . weight^T + bias. Row i of x begins `step` numbers after row i - 1, so rows
   may overlap; weight is [outputs, inputs], bias [outputs] or NULL. */
void sct_wide_linear(const float *weight, const float *bias, size_t inputs, size_t outputs,
                     const double *x, size_t step, size_t count, double *y);

/* y[width] += x[inputs] . weight[inputs, width]: what a transposed convolution makes of a row. */
void sct_wide_spread(const float *weight, size_t inputs, size_t width, const double *x, double *y);

/* y[size] = the layer norm of x[size]; gain and bias NULL: 1 and 0. */
void sct_wide_norm(const float *gain, const float *bias, size_t size, const double *x, double *y);

void sct_wide_elu(double *x, size_t size);
void sct_wide_gelu(double *x, size_t size);

/* x += scale * y, scale[width] for each of `count` rows. */
void sct_wide_join(const float *scale, size_t width, size_t count, const double *y, double *x);

/* weights[known] = softmax of q[size] . keys[known, size] / sqrt(size), y[size] = weights . values. */
void sct_wide_attend(const double *q, const double *keys, const double *values, size_t known,
                     size_t size, double *weights, double *y);

/* x[size] becomes e^x / sum of e^x. */
void sct_wide_softmax(double *x, size_t size);

/* Sines and cosines of x[size]. */
void sct_wide_turns(const double *x, size_t size, double *sines, double *cosines);

/* Every number of x[size] becomes its sine, or e to its power. */
void sct_wide_sines(double *x, size_t size);
void sct_wide_powers(double *x, size_t size);

double sct_wide_root(double x);

#endif
