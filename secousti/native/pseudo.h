/* A pseudo VQ of one stream: quantized latents so far -> logits of the next stage's tokens
   (secousti/p2psyn/pseudo_vq.py), causal and without look-ahead, in double precision. */

#ifndef SCT_PSEUDO_H
#define SCT_PSEUDO_H

#include "conformer.h"
#include "wide_conv.h"

enum { SCT_MOST_CONFORMERS = 32, SCT_MOST_LSTM = 8 };

typedef struct {
    size_t inputs;
    const float *in, *in_bias, *own, *own_bias; /* [4 H, inputs], [4 H], [4 H, H], [4 H] */
    double *h, *c;                              /* [H] */
} sct_lstm_layer;

typedef struct {
    sct_wide_conv embed;
    size_t num_blocks, num_layers, hidden, entries; /* hidden: of the LSTM, H */
    sct_conformer blocks[SCT_MOST_CONFORMERS];
    sct_lstm_layer layers[SCT_MOST_LSTM];
    const float *head, *head_bias; /* [entries, H], [entries] */
    double *turns;                 /* of the blocks' positions */
    double *x, *gates, *own;       /* [most, widest], [most, 4 H], [4 H], scratch */
} sct_pseudo;

/* The module `part`; latents of `inputs` numbers, at most `most` at once. End it even if it
   failed. */
_Bool sct_pseudo_begin(sct_pseudo *net, const sct_part *part, size_t inputs, size_t entries,
                       size_t most);
void sct_pseudo_end(sct_pseudo *net);
void sct_pseudo_restart(sct_pseudo *net);
/* latents[count, inputs] -> logits[count, entries]. */
void sct_pseudo_step(sct_pseudo *net, const double *latents, size_t count, double *logits);

#endif
