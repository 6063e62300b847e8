#include "upsample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wide.h"

enum { NAME = 96, A_STAGE = 3 }; /* layers of a stage, by Python's numbers */

static _Bool find_ratios(sct_upsample *net, const sct_weights *weights, const int32_t **ratios,
                         sct_fault *fault) {
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    const char *name = "config.seanet.ratios";
    *ratios = sct_weights_find(weights, name, SCT_I32, SCT_SHAPE(SCT_ANY), fault);
    if (!*ratios) return 0;
    sct_weights_shape(weights, name, shape, &dims);
    net->unit = 1;
    _Bool good = shape[0] <= SCT_MOST_RATIOS;
    for (uint32_t i = 0; good && i < shape[0]; i++) {
        good = (*ratios)[i] >= 1 && (size_t)(*ratios)[i] <= SCT_MOST_FRAMES / net->unit;
        if (good) net->unit *= (size_t)(*ratios)[i];
    }
    net->num_stages = good ? shape[0] : 0;
    return good || sct_fail(fault, SCT_REFUSED, "%s are out of range", name);
}

static _Bool begin_conv(sct_wide_conv *conv, const sct_weights *weights, size_t layer,
                        const char *part, size_t inputs, size_t most, sct_fault *fault) {
    char name[NAME];
    snprintf(name, sizeof name, "decoder.seanet.layers.layers.%zu.%sconv", layer, part);
    return sct_wide_conv_begin(conv, weights, name, inputs, 1, most, fault);
}

static size_t ringing(const sct_wide_transposed *up) {
    return up->lags * up->outputs * up->lags * up->stride;
}

static _Bool begin_transposed(sct_wide_transposed *up, const sct_weights *weights, size_t layer,
                              size_t inputs, size_t stride, sct_fault *fault) {
    char name[NAME];
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    *up = (sct_wide_transposed){.inputs = inputs, .stride = stride};
    snprintf(name, sizeof name, "decoder.seanet.layers.layers.%zu.convtr.weight", layer);
    up->weight = sct_weights_find(weights, name, SCT_F32,
                                  SCT_SHAPE((uint32_t)inputs, SCT_ANY, SCT_ANY), fault);
    if (!up->weight) return 0;
    sct_weights_shape(weights, name, shape, &dims);
    up->outputs = shape[1], up->lags = shape[2] / stride;
    if (shape[2] % stride || up->lags > SCT_MOST_RINGING)
        return sct_fail(fault, SCT_REFUSED, "%s has a kernel of %lu", name, (unsigned long)shape[2]);
    snprintf(name, sizeof name, "decoder.seanet.layers.layers.%zu.convtr.bias", layer);
    up->bias = sct_weights_find(weights, name, SCT_F32, SCT_SHAPE(shape[1]), fault);
    if (!up->bias) return 0;
    up->ringing = calloc(ringing(up), sizeof *up->ringing);
    return up->ringing || sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

static _Bool begin_stage(sct_upsample_stage *stage, const sct_weights *weights, size_t layer,
                         size_t width, size_t ratio, size_t most, sct_fault *fault) {
    if (!begin_transposed(&stage->up, weights, layer, width, ratio, fault)) return 0;
    const size_t outputs = stage->up.outputs;
    if (!begin_conv(&stage->narrow, weights, layer + 1, "block.layers.1.", outputs, most, fault) ||
        !begin_conv(&stage->widened, weights, layer + 1, "block.layers.3.", stage->narrow.outputs,
                    most, fault))
        return 0;
    return stage->widened.outputs == outputs ||
           sct_fail(fault, SCT_REFUSED, "layer %zu of the decoder does not give what it takes",
                    layer + 1);
}

static _Bool make_scratch(sct_upsample *net, size_t frames, sct_fault *fault) {
    size_t width = net->first.outputs;
    for (size_t i = 0; i < net->num_stages; i++) {
        const sct_upsample_stage *stage = &net->stages[i];
        if (stage->up.outputs > width) width = stage->up.outputs;
        if (stage->narrow.outputs > width) width = stage->narrow.outputs;
    }
    net->x = malloc(frames * width * sizeof *net->x);
    net->y = malloc(frames * width * sizeof *net->y);
    net->z = malloc(frames * width * sizeof *net->z);
    return (net->x && net->y && net->z) || sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

_Bool sct_upsample_begin(sct_upsample *net, const sct_weights *weights, size_t inputs, size_t most,
                         sct_fault *fault) {
    const int32_t *ratios;
    *net = (sct_upsample){0};
    if (!find_ratios(net, weights, &ratios, fault) ||
        !begin_conv(&net->first, weights, 0, "", inputs, most, fault))
        return 0;
    size_t width = net->first.outputs, rows = most, layer = 2;
    for (size_t i = 0; i < net->num_stages; i++, layer += A_STAGE) {
        rows *= (size_t)ratios[i];
        if (!begin_stage(&net->stages[i], weights, layer, width, (size_t)ratios[i], rows, fault))
            return 0;
        width = net->stages[i].up.outputs;
    }
    return begin_conv(&net->last, weights, layer, "", width, rows, fault) &&
           make_scratch(net, rows, fault);
}

void sct_upsample_end(sct_upsample *net) {
    sct_wide_conv_end(&net->first);
    sct_wide_conv_end(&net->last);
    for (size_t i = 0; i < net->num_stages; i++) {
        free(net->stages[i].up.ringing);
        sct_wide_conv_end(&net->stages[i].narrow);
        sct_wide_conv_end(&net->stages[i].widened);
    }
    free(net->x);
    free(net->y);
    free(net->z);
    *net = (sct_upsample){0};
}

void sct_upsample_restart(sct_upsample *net) {
    sct_wide_conv_restart(&net->first);
    sct_wide_conv_restart(&net->last);
    for (size_t i = 0; i < net->num_stages; i++) {
        sct_upsample_stage *stage = &net->stages[i];
        memset(stage->up.ringing, 0, ringing(&stage->up) * sizeof *stage->up.ringing);
        sct_wide_conv_restart(&stage->narrow);
        sct_wide_conv_restart(&stage->widened);
    }
}

/* A row x[inputs] -> y[stride, outputs]. */
static void transposed(sct_wide_transposed *up, const double *x, double *y) {
    const size_t taps = up->lags * up->stride, size = up->outputs * taps;
    memmove(up->ringing + size, up->ringing, (up->lags - 1) * size * sizeof *x);
    memset(up->ringing, 0, size * sizeof *x);
    sct_wide_spread(up->weight, up->inputs, size, x, up->ringing);
    for (size_t j = 0; j < up->stride; j++)
        for (size_t o = 0; o < up->outputs; o++) {
            double sum = (double)up->bias[o];
            for (size_t lag = 0; lag < up->lags; lag++)
                sum += up->ringing[lag * size + o * taps + lag * up->stride + j];
            *y++ = sum;
        }
}

/* net->x[count] -> net->x[count * stride] of this stage. */
static void step(sct_upsample *net, sct_upsample_stage *stage, size_t count) {
    const size_t inputs = stage->up.inputs, width = stage->up.outputs;
    const size_t rows = count * stage->up.stride;
    sct_wide_elu(net->x, count * inputs);
    for (size_t i = 0; i < count; i++)
        transposed(&stage->up, net->x + i * inputs, net->y + i * stage->up.stride * width);
    memcpy(net->x, net->y, rows * width * sizeof *net->x);
    sct_wide_elu(net->y, rows * width);
    sct_wide_conv_step(&stage->narrow, net->y, rows, net->z);
    sct_wide_elu(net->z, rows * stage->narrow.outputs);
    sct_wide_conv_step(&stage->widened, net->z, rows, net->y);
    for (size_t i = 0; i < rows * width; i++) net->x[i] += net->y[i];
}

void sct_upsample_step(sct_upsample *net, const double *rows, size_t tokens, double *frames) {
    size_t count = tokens;
    sct_wide_conv_step(&net->first, rows, count, net->x);
    for (size_t i = 0; i < net->num_stages; i++) {
        step(net, &net->stages[i], count);
        count *= net->stages[i].up.stride;
    }
    sct_wide_elu(net->x, count * net->last.inputs);
    sct_wide_conv_step(&net->last, net->x, count, frames);
}
