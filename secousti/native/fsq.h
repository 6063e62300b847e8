/* Finite scalar quantization: rows of S -> tokens (secousti/semantic/fsq.py). */

#ifndef SCT_FSQ_H
#define SCT_FSQ_H

#include "bounds.h"
#include "weights.h"

typedef struct {
    size_t width, digits;
    const int32_t *levels;      /* [digits] */
    const float *weight, *bias; /* [digits, width], [digits] */
    const float *half_range, *offset, *shift; /* [digits] */
} sct_fsq;

_Bool sct_fsq_find(sct_fsq *fsq, const sct_weights *weights, size_t width, sct_fault *fault);

/* x[width] -> bounded[digits], whose nearest integers are the digits but for half the levels. */
void sct_fsq_bound(const sct_fsq *fsq, const double *x, double *bounded);
/* x[width] -> its token; 0 if damaged weights made it something else. */
_Bool sct_fsq_token(const sct_fsq *fsq, const double *x, uint32_t *token);

#endif
