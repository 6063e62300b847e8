/* ConvNeXt stacks of one stream in double precision (secousti/p2psyn/convnext.py). */

#ifndef SCT_CONVNEXT_H
#define SCT_CONVNEXT_H

#include "parts.h"
#include "wide_conv.h"

enum { SCT_MOST_BLOCKS = 64 };

typedef struct {
    sct_depthwise depthwise;
    const float *gain, *shift;                  /* of the norm [channels] */
    const float *widen, *widen_bias;            /* [hidden, channels], [hidden] */
    const float *gamma, *beta;                  /* of the response norm [hidden] */
    const float *narrow, *narrow_bias;          /* [channels, hidden], [channels] */
} sct_convnext_block;

typedef struct {
    size_t channels, hidden, count;
    _Bool embeds;
    sct_wide_conv embed;
    const float *gain_in, *shift_in, *gain_out, *shift_out, *linear, *linear_bias;
    sct_convnext_block blocks[SCT_MOST_BLOCKS];
    double *narrow, *wide; /* [most, channels], [most, hidden], scratch */
} sct_convnext;

/* The module `part`, whose response norm is that of a frame: rows of `inputs`, at most `most` at
   once. End it even if it failed. */
_Bool sct_convnext_begin(sct_convnext *net, const sct_part *part, size_t inputs, size_t most);
void sct_convnext_end(sct_convnext *net);
void sct_convnext_restart(sct_convnext *net);
/* x[count, inputs] -> y[count, channels]; another place than x. */
void sct_convnext_step(sct_convnext *net, const double *x, size_t count, double *y);

#endif
