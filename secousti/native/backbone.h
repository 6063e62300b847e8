/* The vocoder's causal ConvNeXt backbone, of one stream (secousti/vocoder/backbone.py). */

#ifndef SCT_BACKBONE_H
#define SCT_BACKBONE_H

#include "weights.h"

enum { SCT_BACKBONE_BLOCKS = 64 };

typedef struct {
    const float *bias, *gain, *shift; /* [channels], of the depthwise convolution, of the norm */
    const float *widen, *widen_bias, *narrow, *narrow_bias, *gamma;
    float *taps; /* [kernel, channels] */
    float *rows; /* [kernel - 1 + most, channels] what came before, and what comes */
} sct_block;

typedef struct {
    size_t inputs, channels, hidden, kernel, count, most;
    const float *first, *first_bias; /* [channels, inputs, kernel], [channels] */
    const float *gain, *shift;       /* [channels], of the last norm */
    sct_block blocks[SCT_BACKBONE_BLOCKS];
    float *rows;    /* [kernel - 1 + most, inputs] */
    float *windows; /* [most, inputs * kernel] */
    float *x, *y, *z; /* scratch */
} sct_backbone;

/* Rows of `inputs`, at most `most` at once. End it even if it failed. */
_Bool sct_backbone_begin(sct_backbone *net, const sct_weights *weights, size_t inputs, size_t most,
                         sct_fault *fault);
void sct_backbone_end(sct_backbone *net);
void sct_backbone_restart(sct_backbone *net);

/* x[count, inputs] -> y[count, channels]. */
void sct_backbone_step(sct_backbone *net, const float *x, size_t count, float *y);

#endif
