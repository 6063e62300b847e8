/* The SEANet encoder of one stream: log-mel frames -> a row a token (secousti/acoustic/seanet.py). */

#ifndef SCT_SEANET_H
#define SCT_SEANET_H

#include "wide_conv.h"

enum { SCT_MOST_STAGES = 8 };

typedef struct {
    sct_wide_conv narrow, widened; /* x + widened(elu(narrow(elu(x)))) */
    sct_wide_conv strided;
} sct_stage;

typedef struct {
    size_t num_stages, unit; /* frames of a token */
    sct_wide_conv first, last;
    sct_stage stages[SCT_MOST_STAGES];
    double *x, *y, *z; /* scratch, each as many rows as come at once */
} sct_seanet;

/* Frames of `channels`, those of at most `most` tokens at once. End it even if it failed. */
_Bool sct_seanet_begin(sct_seanet *net, const sct_weights *weights, size_t channels, size_t most,
                       sct_fault *fault);
void sct_seanet_end(sct_seanet *net);
void sct_seanet_restart(sct_seanet *net);

/* frames[tokens * unit, channels] -> rows[tokens, net->last.outputs]. */
void sct_seanet_step(sct_seanet *net, const double *frames, size_t tokens, double *rows);

#endif
