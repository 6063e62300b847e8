/* Convolutions over rows, in double precision (for the encoder). */

#ifndef SCT_WIDE_CONV_H
#define SCT_WIDE_CONV_H

#include "weights.h"

typedef struct {
    size_t inputs, outputs, kernel, stride;
    float *weight;     /* [outputs, kernel, inputs] */
    const float *bias; /* [outputs] */
    double *rows;      /* [kernel - stride + most, inputs] what came before, and what comes */
    size_t most;
} sct_wide_conv;

/* The layer `name` ("encoder.layers.layers.0.conv") of `inputs` channels and a kernel that is not
   shorter than its stride, for at most `most` rows at once. End it even if it failed. */
_Bool sct_wide_conv_begin(sct_wide_conv *conv, const sct_weights *weights, const char *name,
                          size_t inputs, size_t stride, size_t most, sct_fault *fault);
void sct_wide_conv_end(sct_wide_conv *conv);
void sct_wide_conv_restart(sct_wide_conv *conv);

/* x[count, inputs], `count` a multiple of the stride -> y[count / stride, outputs], going on after
   what came before; silence lies before the start. */
void sct_wide_conv_step(sct_wide_conv *conv, const double *x, size_t count, double *y);

#endif
