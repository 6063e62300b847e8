/* The SEANet decoder of one stream: a row a token -> log-mel frames (secousti/acoustic/seanet.py). */

#ifndef SCT_UPSAMPLE_H
#define SCT_UPSAMPLE_H

#include "wide_conv.h"

enum { SCT_MOST_RATIOS = 8, SCT_MOST_FRAMES = 256, SCT_MOST_RINGING = 8 };

/* A transposed convolution whose kernel is `lags` times its stride. */
typedef struct {
    size_t inputs, outputs, stride, lags;
    const float *weight, *bias; /* [inputs, outputs, lags * stride], [outputs] */
    double *ringing;            /* [lags, outputs, lags * stride] what the last rows give, newest first */
} sct_wide_transposed;

typedef struct {
    sct_wide_transposed up;
    sct_wide_conv narrow, widened; /* x + widened(elu(narrow(elu(x)))) */
} sct_upsample_stage;

typedef struct {
    size_t num_stages, unit; /* frames of a token */
    sct_wide_conv first, last;
    sct_upsample_stage stages[SCT_MOST_RATIOS];
    double *x, *y, *z; /* scratch, each as many rows as come at once */
} sct_upsample;

/* Rows of `inputs`, at most `most` at once. End it even if it failed. */
_Bool sct_upsample_begin(sct_upsample *net, const sct_weights *weights, size_t inputs, size_t most,
                         sct_fault *fault);
void sct_upsample_end(sct_upsample *net);
void sct_upsample_restart(sct_upsample *net);

/* rows[tokens, inputs] -> frames[tokens * unit, net->last.outputs]. */
void sct_upsample_step(sct_upsample *net, const double *rows, size_t tokens, double *frames);

#endif
