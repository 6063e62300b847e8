/* What is added to a decoded mel, of one stream in double precision (secousti/vocoder/refiner.py). */

#ifndef SCT_REFINER_H
#define SCT_REFINER_H

#include "parts.h"
#include "wide_conv.h"

enum { SCT_REFINER_BLOCKS = 64 };

typedef struct {
    sct_depthwise depthwise;
    const float *gain, *shift;         /* [channels], of the norm */
    const float *widen, *widen_bias;   /* [hidden, channels], [hidden] */
    const float *narrow, *narrow_bias; /* [channels, hidden], [channels] */
    const float *gamma;                /* [channels], of the residual */
} sct_refiner_block;

typedef struct {
    size_t mels, channels, hidden, count;
    sct_wide_conv first;
    sct_refiner_block blocks[SCT_REFINER_BLOCKS];
    const float *gain, *shift;    /* [channels], of the last norm */
    const float *out, *out_bias;  /* [mels, channels], [mels] */
    double *shifted, *x, *y, *z;  /* scratch */
} sct_refiner;

/* Whether the codec has one. */
_Bool sct_refines(const sct_weights *weights);

/* Frames of `mels`, at most `most` at once. End it even if it failed. */
_Bool sct_refiner_begin(sct_refiner *net, const sct_weights *weights, size_t mels, size_t most,
                        sct_fault *fault);
void sct_refiner_end(sct_refiner *net);
void sct_refiner_restart(sct_refiner *net);

/* mel[count, mels], in place. */
void sct_refiner_step(sct_refiner *net, double *mel, size_t count);

#endif
