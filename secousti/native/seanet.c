#include "seanet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wide.h"

enum { NAME = 96, MOST_UNIT = 256, A_STAGE = 3 }; /* layers of a stage, by Python's numbers */

/* The ratios, the last one first: so they are applied. */
static const int32_t *find_ratios(sct_seanet *net, const sct_weights *weights, sct_fault *fault) {
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    const char *name = "config.seanet.ratios";
    const int32_t *ratios = sct_weights_find(weights, name, SCT_I32, SCT_SHAPE(SCT_ANY), fault);
    if (!ratios) return NULL;
    sct_weights_shape(weights, name, shape, &dims);
    net->num_stages = 0, net->unit = 1;
    for (uint32_t i = 0; i < shape[0] && shape[0] <= SCT_MOST_STAGES; i++, net->num_stages++) {
        if (ratios[i] < 1 || (size_t)ratios[i] > MOST_UNIT / net->unit) break;
        net->unit *= (size_t)ratios[i];
    }
    if (net->num_stages == shape[0]) return ratios;
    sct_fail(fault, SCT_REFUSED, "%s are out of range", name);
    return NULL;
}

static _Bool begin_layer(sct_wide_conv *conv, const sct_weights *weights, size_t layer,
                         const char *part, size_t inputs, size_t stride, size_t most,
                         sct_fault *fault) {
    char name[NAME];
    snprintf(name, sizeof name, "encoder.layers.layers.%zu.%sconv", layer, part);
    return sct_wide_conv_begin(conv, weights, name, inputs, stride, most, fault);
}

static _Bool begin_stage(sct_stage *stage, const sct_weights *weights, size_t layer, size_t width,
                         size_t ratio, size_t most, sct_fault *fault) {
    if (!begin_layer(&stage->narrow, weights, layer, "block.layers.1.", width, 1, most, fault) ||
        !begin_layer(&stage->widened, weights, layer, "block.layers.3.", stage->narrow.outputs, 1,
                     most, fault) ||
        !begin_layer(&stage->strided, weights, layer + 2, "", width, ratio, most, fault))
        return 0;
    if (stage->widened.outputs == width) return 1;
    return sct_fail(fault, SCT_REFUSED, "layer %zu of the encoder does not give what it takes",
                    layer);
}

static _Bool make_scratch(sct_seanet *net, size_t frames, sct_fault *fault) {
    size_t width = net->first.outputs;
    for (size_t i = 0; i < net->num_stages; i++) {
        const sct_stage *stage = &net->stages[i];
        if (stage->narrow.outputs > width) width = stage->narrow.outputs;
        if (stage->strided.outputs > width) width = stage->strided.outputs;
    }
    net->x = malloc(frames * width * sizeof *net->x);
    net->y = malloc(frames * width * sizeof *net->y);
    net->z = malloc(frames * width * sizeof *net->z);
    if (net->x && net->y && net->z) return 1;
    return sct_fail(fault, SCT_NO_MEMORY, "no memory for the encoder");
}

_Bool sct_seanet_begin(sct_seanet *net, const sct_weights *weights, size_t channels, size_t most,
                       sct_fault *fault) {
    *net = (sct_seanet){0};
    const int32_t *ratios = find_ratios(net, weights, fault);
    if (!ratios) return 0;
    size_t rows = most * net->unit, layer = 1;
    if (!begin_layer(&net->first, weights, 0, "", channels, 1, rows, fault)) return 0;
    size_t width = net->first.outputs;
    for (size_t i = 0; i < net->num_stages; i++, layer += A_STAGE) {
        const size_t ratio = (size_t)ratios[net->num_stages - 1 - i];
        if (!begin_stage(&net->stages[i], weights, layer, width, ratio, rows, fault)) return 0;
        width = net->stages[i].strided.outputs, rows /= ratio;
    }
    return begin_layer(&net->last, weights, layer + 1, "", width, 1, rows, fault) &&
           make_scratch(net, most * net->unit, fault);
}

void sct_seanet_end(sct_seanet *net) {
    sct_wide_conv_end(&net->first);
    sct_wide_conv_end(&net->last);
    for (size_t i = 0; i < net->num_stages; i++) {
        sct_wide_conv_end(&net->stages[i].narrow);
        sct_wide_conv_end(&net->stages[i].widened);
        sct_wide_conv_end(&net->stages[i].strided);
    }
    free(net->x);
    free(net->y);
    free(net->z);
    *net = (sct_seanet){0};
}

void sct_seanet_restart(sct_seanet *net) {
    sct_wide_conv_restart(&net->first);
    sct_wide_conv_restart(&net->last);
    for (size_t i = 0; i < net->num_stages; i++) {
        sct_wide_conv_restart(&net->stages[i].narrow);
        sct_wide_conv_restart(&net->stages[i].widened);
        sct_wide_conv_restart(&net->stages[i].strided);
    }
}

/* net->x[count] -> net->x[count / stride] of this stage. */
static void step(sct_seanet *net, sct_stage *stage, size_t count) {
    const size_t width = stage->strided.inputs, hidden = stage->narrow.outputs;
    memcpy(net->y, net->x, count * width * sizeof *net->x);
    sct_wide_elu(net->y, count * width);
    sct_wide_conv_step(&stage->narrow, net->y, count, net->z);
    sct_wide_elu(net->z, count * hidden);
    sct_wide_conv_step(&stage->widened, net->z, count, net->y);
    for (size_t i = 0; i < count * width; i++) net->x[i] += net->y[i];
    sct_wide_elu(net->x, count * width);
    sct_wide_conv_step(&stage->strided, net->x, count, net->y);
    double *done = net->y;
    net->y = net->x, net->x = done;
}

void sct_seanet_step(sct_seanet *net, const double *frames, size_t tokens, double *rows) {
    size_t count = tokens * net->unit;
    sct_wide_conv_step(&net->first, frames, count, net->x);
    for (size_t i = 0; i < net->num_stages; i++) {
        step(net, &net->stages[i], count);
        count /= net->stages[i].strided.stride;
    }
    sct_wide_elu(net->x, count * net->last.inputs);
    sct_wide_conv_step(&net->last, net->x, count, rows);
}
