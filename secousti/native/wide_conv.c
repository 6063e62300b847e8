#include "wide_conv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wide.h"

enum { MOST_CHANNELS = 1 << 14, MOST_KERNEL = 64, NAME = 128 };

/* [outputs, inputs, kernel] -> [outputs, kernel, inputs]: then neighbouring rows are one vector. */
static void turn(sct_wide_conv *conv, const float *weight) {
    float *to = conv->weight;
    for (size_t o = 0; o < conv->outputs; o++, weight += conv->inputs * conv->kernel)
        for (size_t k = 0; k < conv->kernel; k++)
            for (size_t i = 0; i < conv->inputs; i++) *to++ = weight[i * conv->kernel + k];
}

static const float *find(sct_wide_conv *conv, const sct_weights *weights, const char *name,
                         sct_fault *fault) {
    char full[NAME];
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    snprintf(full, sizeof full, "%s.weight", name);
    const float *weight = sct_weights_find(
        weights, full, SCT_F32, SCT_SHAPE(SCT_ANY, (uint32_t)conv->inputs, SCT_ANY), fault);
    if (!weight) return NULL;
    sct_weights_shape(weights, full, shape, &dims);
    conv->outputs = shape[0], conv->kernel = shape[2];
    if (conv->outputs > MOST_CHANNELS || conv->kernel > MOST_KERNEL || conv->kernel < conv->stride) {
        sct_fail(fault, SCT_REFUSED, "%s has %u outputs and a kernel of %u", name, shape[0],
                 shape[2]);
        return NULL;
    }
    snprintf(full, sizeof full, "%s.bias", name);
    conv->bias = sct_weights_find(weights, full, SCT_F32, SCT_SHAPE(shape[0]), fault);
    return conv->bias ? weight : NULL;
}

_Bool sct_wide_conv_begin(sct_wide_conv *conv, const sct_weights *weights, const char *name,
                          size_t inputs, size_t stride, size_t most, sct_fault *fault) {
    *conv = (sct_wide_conv){.inputs = inputs, .stride = stride, .most = most};
    const float *weight = find(conv, weights, name, fault);
    if (!weight) return 0;
    const size_t rows = conv->kernel - stride + most;
    conv->weight = malloc(conv->outputs * conv->kernel * inputs * sizeof *conv->weight);
    conv->rows = malloc(rows * inputs * sizeof *conv->rows);
    if (!conv->weight || !conv->rows)
        return sct_fail(fault, SCT_NO_MEMORY, "no memory for %s", name);
    turn(conv, weight);
    sct_wide_conv_restart(conv);
    return 1;
}

void sct_wide_conv_end(sct_wide_conv *conv) {
    free(conv->weight);
    free(conv->rows);
    *conv = (sct_wide_conv){0};
}

void sct_wide_conv_restart(sct_wide_conv *conv) {
    memset(conv->rows, 0, (conv->kernel - conv->stride) * conv->inputs * sizeof *conv->rows);
}

void sct_wide_conv_step(sct_wide_conv *conv, const double *x, size_t count, double *y) {
    const size_t past = (conv->kernel - conv->stride) * conv->inputs, new = count * conv->inputs;
    memcpy(conv->rows + past, x, new * sizeof *x);
    sct_wide_linear(conv->weight, conv->bias, conv->kernel * conv->inputs, conv->outputs,
                    conv->rows, conv->stride * conv->inputs, count / conv->stride, y);
    memmove(conv->rows, conv->rows + new, past * sizeof *x);
}
