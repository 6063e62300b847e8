/* The causal transformer in double precision: pre-norm, rotary positions, layer scale, attention in
   a window (secousti/acoustic/transformer.py). */

#ifndef SCT_TRANSFORMER_H
#define SCT_TRANSFORMER_H

#include "weights.h"

enum { SCT_MOST_LAYERS = 64, SCT_MOST_WIDTH = 8192, SCT_MOST_CONTEXT = 8192 };

typedef struct {
    const float *gain1, *bias1, *in, *out, *scale1, *gain2, *bias2, *widen, *narrow, *scale2;
} sct_layer;

/* Weights, which point into the file. */
typedef struct {
    size_t width, heads, hidden, context, count; /* d_model, ..., number of layers */
    size_t inputs, outputs;
    const float *input, *output; /* projections [width, inputs], [outputs, width]; NULL: there is none */
    const double *rotary;        /* [width / heads / 2], radians a position */
    sct_layer layers[SCT_MOST_LAYERS];
} sct_transformer;

/* One stream. */
typedef struct {
    const sct_transformer *weights;
    size_t most;    /* rows of a call */
    int64_t position;
    double *ring;   /* [layers, 2, heads, context, width / heads] */
    double *scratch;
} sct_transformer_state;

/* `count` layers at `prefix`.layers.0 and so on, from rows of `inputs` numbers to `outputs`. */
_Bool sct_transformer_find(sct_transformer *transformer, const sct_weights *weights,
                           const char *prefix, size_t count, size_t inputs, size_t outputs,
                           sct_fault *fault);

/* For at most `most` rows a call; end it even if it failed. */
_Bool sct_transformer_begin(sct_transformer_state *state, const sct_transformer *transformer,
                            size_t most, sct_fault *fault);
void sct_transformer_end(sct_transformer_state *state);
void sct_transformer_restart(sct_transformer_state *state);

/* x[rows, inputs] -> y[rows, outputs], and on. `modulation` [layers, 4, width] or NULL: gain and
   bias of both norms that an injected voice adds. */
void sct_transformer_run(sct_transformer_state *state, const double *x, size_t rows,
                         const double *modulation, double *y);

#endif
