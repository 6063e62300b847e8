#include "fsq.h"

#include <math.h>

#include "wide.h"

static const float *find(const sct_fsq *fsq, const sct_weights *weights, const char *name,
                         sct_fault *fault) {
    return sct_weights_find(weights, name, SCT_F32, SCT_SHAPE((uint32_t)fsq->digits), fault);
}

/* Levels of all digits, whose product bounds the tokens. */
static _Bool find_levels(sct_fsq *fsq, const sct_weights *weights, sct_fault *fault) {
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    const char *name = "quantizer.levels";
    fsq->levels = sct_weights_find(weights, name, SCT_I32, SCT_SHAPE(SCT_ANY), fault);
    if (!fsq->levels) return 0;
    sct_weights_shape(weights, name, shape, &dims);
    fsq->digits = shape[0];
    int64_t size = 1;
    for (size_t i = 0; i < fsq->digits; i++) {
        if (i >= SCT_MAX_LEVELS || fsq->levels[i] < 2 || fsq->levels[i] > SCT_MAX_CODEBOOK / size)
            return sct_fail(fault, SCT_REFUSED, "%s make no codebook", name);
        size *= fsq->levels[i];
    }
    return 1;
}

_Bool sct_fsq_find(sct_fsq *fsq, const sct_weights *weights, size_t width, sct_fault *fault) {
    *fsq = (sct_fsq){.width = width};
    if (!find_levels(fsq, weights, fault)) return 0;
    fsq->weight = sct_weights_find(weights, "quantizer.project_in.weight", SCT_F32,
                                   SCT_SHAPE((uint32_t)fsq->digits, (uint32_t)width), fault);
    return fsq->weight && (fsq->bias = find(fsq, weights, "quantizer.project_in.bias", fault)) &&
           (fsq->half_range = find(fsq, weights, "quantizer.half_range", fault)) &&
           (fsq->offset = find(fsq, weights, "quantizer.offset", fault)) &&
           (fsq->shift = find(fsq, weights, "quantizer.shift", fault));
}

void sct_fsq_bound(const sct_fsq *fsq, const double *x, double *bounded) {
    sct_wide_linear(fsq->weight, fsq->bias, fsq->width, fsq->digits, x, fsq->width, 1, bounded);
    for (size_t i = 0; i < fsq->digits; i++)
        bounded[i] = tanh(bounded[i] + (double)fsq->shift[i]) * (double)fsq->half_range[i] -
                     (double)fsq->offset[i];
}

_Bool sct_fsq_token(const sct_fsq *fsq, const double *x, uint32_t *token) {
    double bounded[SCT_MAX_LEVELS];
    uint32_t basis = 1;
    *token = 0;
    sct_fsq_bound(fsq, x, bounded);
    for (size_t i = 0; i < fsq->digits; i++) { /* halves to even, as in Python */
        const double digit = rint(bounded[i]) + fsq->levels[i] / 2;
        if (!(digit >= 0 && digit < fsq->levels[i])) return 0;
        *token += (uint32_t)digit * basis;
        basis *= (uint32_t)fsq->levels[i];
    }
    return 1;
}
