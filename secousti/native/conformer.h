/* Causal Conformer blocks of one stream in double precision (secousti/p2psyn/conformer.py). */

#ifndef SCT_CONFORMER_H
#define SCT_CONFORMER_H

#include "parts.h"

typedef struct {
    size_t channels, hidden, heads, context; /* context: tokens that a query sees, itself included */
    const double *turns;                     /* [channels / heads / 2] radians a position; NULL: none */
} sct_conformer_sizes;

/* Norm, expansion, SiLU, projection. */
typedef struct {
    const float *gain, *shift, *widen, *widen_bias, *narrow, *narrow_bias;
} sct_feed_forward;

typedef struct {
    sct_conformer_sizes sizes;
    sct_feed_forward before, after;
    const float *gain, *shift, *in, *in_bias, *out, *out_bias; /* of the attention */
    const float *conv_gain, *conv_shift, *expand, *expand_bias, *project, *project_bias;
    const float *inner_gain, *inner_shift; /* norm within the convolution */
    const float *last_gain, *last_shift;
    sct_depthwise depthwise;
    double *keys, *values; /* [heads, context - 1 + most, channels / heads] */
    size_t known;          /* tokens before these that are kept */
    int64_t position;
    size_t most;
    double *x, *y, *weights; /* scratch */
} sct_conformer;

/* The module `part`, for at most `most` tokens at once. End it even if it failed. */
_Bool sct_conformer_begin(sct_conformer *block, const sct_part *part,
                          const sct_conformer_sizes *sizes, size_t most);
void sct_conformer_end(sct_conformer *block);
void sct_conformer_restart(sct_conformer *block);
/* x[count, channels] becomes what the block makes of it. */
void sct_conformer_step(sct_conformer *block, double *x, size_t count);

#endif
