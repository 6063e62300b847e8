#include "backbone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "narrow.h"

enum { NAME = 96, MOST_CHANNELS = 1 << 13, MOST_KERNEL = 64, MOST_EXPANSION = 16 };
#define PREFIX "vocoder.backbone."

static _Bool find_sizes(sct_backbone *net, const sct_weights *weights, sct_fault *fault) {
    int32_t channels, layers, kernel, expansion;
#define NUMBER(name, most, to) \
    sct_weights_number(weights, "config.vocoder.causal_istft." name, 1, most, to, fault)
    if (!NUMBER("channels", MOST_CHANNELS, &channels) ||
        !NUMBER("layers", SCT_BACKBONE_BLOCKS, &layers) ||
        !NUMBER("kernel_size", MOST_KERNEL, &kernel) ||
        !NUMBER("expansion", MOST_EXPANSION, &expansion))
        return 0;
#undef NUMBER
    net->channels = (size_t)channels, net->kernel = (size_t)kernel;
    net->hidden = net->channels * (size_t)expansion, net->count = (size_t)layers;
    return 1;
}

static const float *find(const sct_weights *weights, size_t layer, const char *rest,
                         const uint32_t *shape, int dims, sct_fault *fault) {
    char name[NAME];
    snprintf(name, sizeof name, PREFIX "convs.layers.%zu.%s", layer, rest);
    return sct_weights_find(weights, name, SCT_F32, shape, dims, fault);
}

static _Bool begin_block(sct_backbone *net, size_t index, const sct_weights *weights,
                         sct_fault *fault) {
    sct_block *block = net->blocks + index;
    const uint32_t channels = (uint32_t)net->channels, hidden = (uint32_t)net->hidden;
    const uint32_t kernel = (uint32_t)net->kernel;
    const float *taps;
#define FIND(to, rest, ...) \
    (to = find(weights, index + 1, rest, SCT_SHAPE(__VA_ARGS__), fault))
    if (!FIND(taps, "depthwise.conv.weight", channels, 1, kernel) ||
        !FIND(block->bias, "depthwise.conv.bias", channels) ||
        !FIND(block->gain, "norm.weight", channels) || !FIND(block->shift, "norm.bias", channels) ||
        !FIND(block->widen, "widen.weight", hidden, channels) ||
        !FIND(block->widen_bias, "widen.bias", hidden) ||
        !FIND(block->narrow, "narrow.weight", channels, hidden) ||
        !FIND(block->narrow_bias, "narrow.bias", channels) || !FIND(block->gamma, "gamma", channels))
        return 0;
#undef FIND
    block->taps = malloc(net->kernel * net->channels * sizeof *block->taps);
    block->rows = malloc((net->kernel - 1 + net->most) * net->channels * sizeof *block->rows);
    if (!block->taps || !block->rows) return sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
    for (size_t k = 0; k < net->kernel; k++)
        for (size_t c = 0; c < net->channels; c++)
            block->taps[k * net->channels + c] = taps[c * net->kernel + k];
    return 1;
}

static _Bool find_ends(sct_backbone *net, const sct_weights *weights, sct_fault *fault) {
    const uint32_t channels = (uint32_t)net->channels;
    net->first = find(weights, 0, "conv.weight",
                      SCT_SHAPE(channels, (uint32_t)net->inputs, (uint32_t)net->kernel), fault);
    if (!net->first) return 0;
    net->first_bias = find(weights, 0, "conv.bias", SCT_SHAPE(channels), fault);
    if (!net->first_bias) return 0;
    net->gain = sct_weights_find(weights, PREFIX "norm.weight", SCT_F32, SCT_SHAPE(channels), fault);
    if (!net->gain) return 0;
    net->shift = sct_weights_find(weights, PREFIX "norm.bias", SCT_F32, SCT_SHAPE(channels), fault);
    return net->shift != NULL;
}

static _Bool make_scratch(sct_backbone *net, sct_fault *fault) {
    const size_t most = net->most, size = sizeof(float);
    net->rows = malloc((net->kernel - 1 + most) * net->inputs * size);
    net->windows = malloc(most * net->inputs * net->kernel * size);
    net->x = malloc(most * net->channels * size);
    net->y = malloc(most * net->channels * size);
    net->z = malloc(most * net->hidden * size);
    return (net->rows && net->windows && net->x && net->y && net->z) ||
           sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

_Bool sct_backbone_begin(sct_backbone *net, const sct_weights *weights, size_t inputs, size_t most,
                         sct_fault *fault) {
    *net = (sct_backbone){.inputs = inputs, .most = most};
    if (!find_sizes(net, weights, fault) || !find_ends(net, weights, fault) ||
        !make_scratch(net, fault))
        return 0;
    for (size_t i = 0; i < net->count; i++)
        if (!begin_block(net, i, weights, fault)) return 0;
    sct_backbone_restart(net);
    return 1;
}

void sct_backbone_end(sct_backbone *net) {
    for (size_t i = 0; i < net->count; i++) {
        free(net->blocks[i].taps);
        free(net->blocks[i].rows);
    }
    free(net->rows);
    free(net->windows);
    free(net->x);
    free(net->y);
    free(net->z);
    *net = (sct_backbone){0};
}

void sct_backbone_restart(sct_backbone *net) {
    const size_t past = net->kernel - 1;
    memset(net->rows, 0, past * net->inputs * sizeof *net->rows);
    for (size_t i = 0; i < net->count; i++)
        memset(net->blocks[i].rows, 0, past * net->channels * sizeof *net->rows);
}

/* rows[past + count, width] = what was there, and x; the first are as before the last call. */
static void append(float *rows, size_t past, size_t width, const float *x, size_t count) {
    memcpy(rows + past * width, x, count * width * sizeof *x);
}

static void keep(float *rows, size_t past, size_t width, size_t count) {
    memmove(rows, rows + count * width, past * width * sizeof *rows);
}

/* x[count, inputs] -> net->x[count, channels]. */
static void first(sct_backbone *net, const float *x, size_t count) {
    const size_t inputs = net->inputs, kernel = net->kernel;
    float *window = net->windows;
    append(net->rows, kernel - 1, inputs, x, count);
    for (size_t r = 0; r < count; r++)
        for (size_t c = 0; c < inputs; c++)
            for (size_t k = 0; k < kernel; k++) *window++ = net->rows[(r + k) * inputs + c];
    keep(net->rows, kernel - 1, inputs, count);
    sct_narrow_linear(net->first, net->first_bias, inputs * kernel, net->channels, net->windows,
                      count, net->x);
}

static void through(sct_backbone *net, sct_block *block, size_t count) {
    const size_t channels = net->channels, hidden = net->hidden;
    append(block->rows, net->kernel - 1, channels, net->x, count);
    sct_narrow_depthwise(block->taps, block->bias, net->kernel, channels, block->rows, count, net->y);
    keep(block->rows, net->kernel - 1, channels, count);
    for (size_t r = 0; r < count; r++)
        sct_narrow_norm(block->gain, block->shift, channels, net->y + r * channels,
                        net->y + r * channels);
    sct_narrow_linear(block->widen, block->widen_bias, channels, hidden, net->y, count, net->z);
    sct_narrow_gelu(net->z, count * hidden);
    sct_narrow_linear(block->narrow, block->narrow_bias, hidden, channels, net->z, count, net->y);
    sct_narrow_join(block->gamma, channels, count, net->y, net->x);
}

void sct_backbone_step(sct_backbone *net, const float *x, size_t count, float *y) {
    first(net, x, count);
    for (size_t i = 0; i < net->count; i++) through(net, net->blocks + i, count);
    for (size_t r = 0; r < count; r++)
        sct_narrow_norm(net->gain, net->shift, net->channels, net->x + r * net->channels,
                        y + r * net->channels);
}
