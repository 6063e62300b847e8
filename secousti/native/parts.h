/* Tensors of a module by the names of its parts, and small layers in double precision (for
   p2psyn_encoder.c, p2psyn_decoder.c and what they are made of). */

#ifndef SCT_PARTS_H
#define SCT_PARTS_H

#include "weights.h"

/* A module in a file of weights. */
typedef struct {
    const sct_weights *weights;
    sct_fault *fault;
    char name[112];
} sct_part;

/* The part of `whole` whose name is printed. */
sct_part sct_part_of(const sct_part *whole, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Its tensor `name`, float32; NULL with a sentence in the fault. */
const float *sct_part_find(const sct_part *part, const char *name, const uint32_t *shape, int dims);
/* Whether it has a tensor `name`, and the shape of that. */
_Bool sct_part_has(const sct_part *part, const char *name, uint32_t shape[SCT_MOST_DIMS]);
/* A whole number of the configuration, "config.` `name". */
_Bool sct_part_number(const sct_part *part, const char *name, int32_t least, int32_t most,
                      size_t *number);

/* Zeros; NULL with a sentence in the fault. */
double *sct_zeros(size_t count, sct_fault *fault);

/* y[size] = the layer norm of x[size] with this epsilon; y may be x. */
void sct_norm(const float *gain, const float *bias, double epsilon, size_t size, const double *x,
              double *y);

/* x[size] becomes 1 / (1 + e^-x). */
void sct_sigmoid(double *x, size_t size);
/* x[size] becomes x / (1 + e^-x); `scratch` [size]. */
void sct_silu(double *x, size_t size, double *scratch);
void sct_tanh(double *x, size_t size);

/* A convolution of each channel by itself that sees no later row. */
typedef struct {
    size_t channels, taps, most;
    float *kernel;     /* [taps, channels], the oldest first */
    const float *bias; /* [channels] */
    double *rows;      /* [taps - 1 + most, channels] */
} sct_depthwise;

/* The module `part`, for at most `most` rows at once. End it even if it failed. */
_Bool sct_depthwise_begin(sct_depthwise *conv, const sct_part *part, size_t channels, size_t most);
void sct_depthwise_end(sct_depthwise *conv);
void sct_depthwise_restart(sct_depthwise *conv);
/* x[count, channels] -> y[count, channels], which may be x. */
void sct_depthwise_step(sct_depthwise *conv, const double *x, size_t count, double *y);

#endif
