#include "convnext.h"

#include <stdlib.h>
#include <string.h>

#include "wide.h"

enum { MOST_CHANNELS = 1 << 14 };
static const double epsilon = 1e-6; /* of norms and of the response norm */

static _Bool begin_block(sct_convnext_block *block, const sct_part *part, size_t channels,
                         size_t hidden, size_t most) {
    const uint32_t n = (uint32_t)channels, h = (uint32_t)hidden;
    const sct_part depthwise = sct_part_of(part, "depthwise.conv");
    block->gain = sct_part_find(part, "norm.weight", SCT_SHAPE(n));
    block->shift = sct_part_find(part, "norm.bias", SCT_SHAPE(n));
    block->widen = sct_part_find(part, "linear1.weight", SCT_SHAPE(h, n));
    block->widen_bias = sct_part_find(part, "linear1.bias", SCT_SHAPE(h));
    block->gamma = sct_part_find(part, "grn.gamma", SCT_SHAPE(h));
    block->beta = sct_part_find(part, "grn.beta", SCT_SHAPE(h));
    block->narrow = sct_part_find(part, "linear2.weight", SCT_SHAPE(n, h));
    block->narrow_bias = sct_part_find(part, "linear2.bias", SCT_SHAPE(n));
    return part->fault->verdict == SCT_SOUND &&
           sct_depthwise_begin(&block->depthwise, &depthwise, channels, most);
}

static _Bool find_ends(sct_convnext *net, const sct_part *part) {
    const uint32_t n = (uint32_t)net->channels;
    net->gain_in = sct_part_find(part, "norm_in.weight", SCT_SHAPE(n));
    net->shift_in = sct_part_find(part, "norm_in.bias", SCT_SHAPE(n));
    net->gain_out = sct_part_find(part, "norm_out.weight", SCT_SHAPE(n));
    net->shift_out = sct_part_find(part, "norm_out.bias", SCT_SHAPE(n));
    net->linear = sct_part_find(part, "linear.weight", SCT_SHAPE(n, n));
    net->linear_bias = sct_part_find(part, "linear.bias", SCT_SHAPE(n));
    return part->fault->verdict == SCT_SOUND;
}

/* Widths and the number of blocks are those of the tensors. */
static _Bool find_sizes(sct_convnext *net, const sct_part *part) {
    uint32_t shape[SCT_MOST_DIMS];
    if (sct_part_has(part, "norm_in.weight", shape)) net->channels = shape[0];
    if (sct_part_has(part, "blocks.0.linear1.weight", shape)) net->hidden = shape[0];
    for (;; net->count++) {
        const sct_part block = sct_part_of(part, "blocks.%zu", net->count);
        if (!sct_part_has(&block, "norm.weight", shape)) break;
        if (net->count == SCT_MOST_BLOCKS) return 0;
    }
    net->embeds = sct_part_has(part, "embed.conv.weight", shape);
    return net->channels && net->hidden && net->channels <= MOST_CHANNELS &&
           net->hidden <= MOST_CHANNELS;
}

_Bool sct_convnext_begin(sct_convnext *net, const sct_part *part, size_t inputs, size_t most) {
    memset(net, 0, sizeof *net);
    if (!find_sizes(net, part))
        return sct_fail(part->fault, SCT_REFUSED, "%s has sizes that this program cannot use",
                        part->name);
    const sct_part embed = sct_part_of(part, "embed.conv");
    if (net->embeds ? !sct_wide_conv_begin(&net->embed, part->weights, embed.name, inputs, 1,
                                           most, part->fault)
                    : inputs != net->channels)
        return sct_fail(part->fault, SCT_REFUSED, "%s does not fit its inputs", part->name);
    if (net->embeds && net->embed.outputs != net->channels)
        return sct_fail(part->fault, SCT_REFUSED, "%s does not fit what follows", embed.name);
    for (size_t i = 0; i < net->count; i++) {
        const sct_part block = sct_part_of(part, "blocks.%zu", i);
        if (!begin_block(&net->blocks[i], &block, net->channels, net->hidden, most)) return 0;
    }
    net->narrow = sct_zeros(most * net->channels, part->fault);
    net->wide = sct_zeros(most * net->hidden, part->fault);
    return find_ends(net, part) && net->narrow && net->wide;
}

void sct_convnext_end(sct_convnext *net) {
    if (net->embeds) sct_wide_conv_end(&net->embed);
    for (size_t i = 0; i < net->count && i < SCT_MOST_BLOCKS; i++)
        sct_depthwise_end(&net->blocks[i].depthwise);
    free(net->narrow);
    free(net->wide);
}

void sct_convnext_restart(sct_convnext *net) {
    if (net->embeds) sct_wide_conv_restart(&net->embed);
    for (size_t i = 0; i < net->count; i++) sct_depthwise_restart(&net->blocks[i].depthwise);
}

/* gamma (x n) + beta + x, n = a channel's magnitude over the mean of them all in this frame. */
static void respond(const float *gamma, const float *beta, double *x, size_t size) {
    double sum = 0;
    for (size_t i = 0; i < size; i++) sum += x[i] < 0 ? -x[i] : x[i];
    const double mean = sum / (double)size + epsilon;
    for (size_t i = 0; i < size; i++) {
        const double ratio = (x[i] < 0 ? -x[i] : x[i]) / mean;
        x[i] += (double)gamma[i] * (x[i] * ratio) + (double)beta[i];
    }
}

/* y[count, channels] += the block of y. */
static void run_block(sct_convnext *net, sct_convnext_block *block, size_t count, double *y) {
    const size_t channels = net->channels, hidden = net->hidden;
    sct_depthwise_step(&block->depthwise, y, count, net->narrow);
    for (size_t t = 0; t < count; t++) {
        double *row = net->narrow + t * channels;
        sct_norm(block->gain, block->shift, epsilon, channels, row, row);
    }
    sct_wide_linear(block->widen, block->widen_bias, channels, hidden, net->narrow, channels,
                    count, net->wide);
    sct_wide_gelu(net->wide, count * hidden);
    for (size_t t = 0; t < count; t++)
        respond(block->gamma, block->beta, net->wide + t * hidden, hidden);
    sct_wide_linear(block->narrow, block->narrow_bias, hidden, channels, net->wide, hidden, count,
                    net->narrow);
    for (size_t i = 0; i < count * channels; i++) y[i] += net->narrow[i];
}

void sct_convnext_step(sct_convnext *net, const double *x, size_t count, double *y) {
    const size_t channels = net->channels;
    if (net->embeds)
        sct_wide_conv_step(&net->embed, x, count, y);
    else
        memcpy(y, x, count * channels * sizeof *y);
    for (size_t t = 0; t < count; t++)
        sct_norm(net->gain_in, net->shift_in, epsilon, channels, y + t * channels,
                 y + t * channels);
    for (size_t i = 0; i < net->count; i++) run_block(net, &net->blocks[i], count, y);
    for (size_t t = 0; t < count; t++)
        sct_norm(net->gain_out, net->shift_out, epsilon, channels, y + t * channels,
                 net->narrow + t * channels);
    sct_wide_linear(net->linear, net->linear_bias, channels, channels, net->narrow, channels,
                    count, y);
}
