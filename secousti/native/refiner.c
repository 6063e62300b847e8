#include "refiner.h"

#include <stdlib.h>

#include "wide.h"

enum { MOST_CHANNELS = 1 << 13, MOST_EXPANSION = 64 };

static const double middle = -5, spread = 2.5; /* of log-mels of speech (secousti/audio/mel.py) */

_Bool sct_refines(const sct_weights *weights) {
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    return sct_weights_shape(weights, "config.refiner.channels", shape, &dims);
}

static _Bool begin_block(sct_refiner *net, size_t index, const sct_part *backbone, size_t most) {
    sct_refiner_block *block = net->blocks + index;
    const uint32_t n = (uint32_t)net->channels, h = (uint32_t)net->hidden;
    const sct_part part = sct_part_of(backbone, "convs.layers.%zu", index + 1);
    const sct_part depthwise = sct_part_of(&part, "depthwise.conv");
    block->gain = sct_part_find(&part, "norm.weight", SCT_SHAPE(n));
    block->shift = sct_part_find(&part, "norm.bias", SCT_SHAPE(n));
    block->widen = sct_part_find(&part, "widen.weight", SCT_SHAPE(h, n));
    block->widen_bias = sct_part_find(&part, "widen.bias", SCT_SHAPE(h));
    block->narrow = sct_part_find(&part, "narrow.weight", SCT_SHAPE(n, h));
    block->narrow_bias = sct_part_find(&part, "narrow.bias", SCT_SHAPE(n));
    block->gamma = sct_part_find(&part, "gamma", SCT_SHAPE(n));
    return part.fault->verdict == SCT_SOUND &&
           sct_depthwise_begin(&block->depthwise, &depthwise, net->channels, most);
}

static _Bool find_sizes(sct_refiner *net, const sct_part *whole) {
    size_t expansion;
    if (!sct_part_number(whole, "refiner.channels", 1, MOST_CHANNELS, &net->channels) ||
        !sct_part_number(whole, "refiner.layers", 1, SCT_REFINER_BLOCKS, &net->count) ||
        !sct_part_number(whole, "refiner.expansion", 1, MOST_EXPANSION, &expansion)) {
        net->count = 0;
        return 0;
    }
    net->hidden = net->channels * expansion;
    return 1;
}

static _Bool find_ends(sct_refiner *net, const sct_part *whole) {
    const uint32_t n = (uint32_t)net->channels, mels = (uint32_t)net->mels;
    net->gain = sct_part_find(whole, "backbone.norm.weight", SCT_SHAPE(n));
    net->shift = sct_part_find(whole, "backbone.norm.bias", SCT_SHAPE(n));
    net->out = sct_part_find(whole, "out.weight", SCT_SHAPE(mels, n));
    net->out_bias = sct_part_find(whole, "out.bias", SCT_SHAPE(mels));
    return whole->fault->verdict == SCT_SOUND;
}

_Bool sct_refiner_begin(sct_refiner *net, const sct_weights *weights, size_t mels, size_t most,
                        sct_fault *fault) {
    const sct_part whole = {weights, fault, "refiner"};
    const sct_part backbone = sct_part_of(&whole, "backbone");
    const sct_part first = sct_part_of(&backbone, "convs.layers.0.conv");
    *net = (sct_refiner){.mels = mels};
    if (!find_sizes(net, &whole) ||
        !sct_wide_conv_begin(&net->first, weights, first.name, mels, 1, most, fault))
        return 0;
    if (net->first.outputs != net->channels)
        return sct_fail(fault, SCT_REFUSED, "%s does not fit what follows", first.name);
    for (size_t i = 0; i < net->count; i++)
        if (!begin_block(net, i, &backbone, most)) return 0;
    net->shifted = sct_zeros(most * mels, fault);
    net->x = sct_zeros(most * net->channels, fault);
    net->y = sct_zeros(most * net->channels, fault);
    net->z = sct_zeros(most * net->hidden, fault);
    return find_ends(net, &whole) && net->shifted && net->x && net->y && net->z;
}

void sct_refiner_end(sct_refiner *net) {
    sct_wide_conv_end(&net->first);
    for (size_t i = 0; i < net->count; i++) sct_depthwise_end(&net->blocks[i].depthwise);
    free(net->shifted);
    free(net->x);
    free(net->y);
    free(net->z);
    *net = (sct_refiner){0};
}

void sct_refiner_restart(sct_refiner *net) {
    sct_wide_conv_restart(&net->first);
    for (size_t i = 0; i < net->count; i++) sct_depthwise_restart(&net->blocks[i].depthwise);
}

static void norms(const float *gain, const float *shift, size_t size, size_t count, double *x) {
    for (; count; count--, x += size) sct_wide_norm(gain, shift, size, x, x);
}

static void through(sct_refiner *net, sct_refiner_block *block, size_t count) {
    const size_t channels = net->channels, hidden = net->hidden;
    sct_depthwise_step(&block->depthwise, net->x, count, net->y);
    norms(block->gain, block->shift, channels, count, net->y);
    sct_wide_linear(block->widen, block->widen_bias, channels, hidden, net->y, channels, count,
                    net->z);
    sct_wide_gelu(net->z, count * hidden);
    sct_wide_linear(block->narrow, block->narrow_bias, hidden, channels, net->z, hidden, count,
                    net->y);
    sct_wide_join(block->gamma, channels, count, net->y, net->x);
}

void sct_refiner_step(sct_refiner *net, double *mel, size_t count) {
    const size_t size = count * net->mels;
    for (size_t i = 0; i < size; i++) net->shifted[i] = (mel[i] - middle) / spread;
    sct_wide_conv_step(&net->first, net->shifted, count, net->x);
    for (size_t i = 0; i < net->count; i++) through(net, net->blocks + i, count);
    norms(net->gain, net->shift, net->channels, count, net->x);
    sct_wide_linear(net->out, net->out_bias, net->channels, net->mels, net->x, net->channels, count,
                    net->shifted);
    for (size_t i = 0; i < size; i++) mel[i] += net->shifted[i];
}
