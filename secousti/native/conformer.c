#include "unfused.h"

#include "conformer.h"

#include <stdlib.h>
#include <string.h>

#include "wide.h"

static const double epsilon = 1e-5;

static _Bool find_feed_forward(sct_feed_forward *layer, const sct_part *part,
                               const sct_conformer_sizes *sizes) {
    const uint32_t n = (uint32_t)sizes->channels, h = (uint32_t)sizes->hidden;
    layer->gain = sct_part_find(part, "0.weight", SCT_SHAPE(n));
    layer->shift = sct_part_find(part, "0.bias", SCT_SHAPE(n));
    layer->widen = sct_part_find(part, "1.weight", SCT_SHAPE(h, n));
    layer->widen_bias = sct_part_find(part, "1.bias", SCT_SHAPE(h));
    layer->narrow = sct_part_find(part, "4.weight", SCT_SHAPE(n, h));
    layer->narrow_bias = sct_part_find(part, "4.bias", SCT_SHAPE(n));
    return part->fault->verdict == SCT_SOUND;
}

static _Bool find_attention(sct_conformer *block, const sct_part *part) {
    const uint32_t n = (uint32_t)block->sizes.channels;
    block->gain = sct_part_find(part, "norm.weight", SCT_SHAPE(n));
    block->shift = sct_part_find(part, "norm.bias", SCT_SHAPE(n));
    block->in = sct_part_find(part, "in_proj.weight", SCT_SHAPE(3 * n, n));
    block->in_bias = sct_part_find(part, "in_proj.bias", SCT_SHAPE(3 * n));
    block->out = sct_part_find(part, "out_proj.weight", SCT_SHAPE(n, n));
    block->out_bias = sct_part_find(part, "out_proj.bias", SCT_SHAPE(n));
    return part->fault->verdict == SCT_SOUND;
}

static _Bool find_convolution(sct_conformer *block, const sct_part *part) {
    const uint32_t n = (uint32_t)block->sizes.channels;
    const sct_part depthwise = sct_part_of(part, "depthwise.conv");
    block->conv_gain = sct_part_find(part, "norm.weight", SCT_SHAPE(n));
    block->conv_shift = sct_part_find(part, "norm.bias", SCT_SHAPE(n));
    block->expand = sct_part_find(part, "expand.weight", SCT_SHAPE(2 * n, n));
    block->expand_bias = sct_part_find(part, "expand.bias", SCT_SHAPE(2 * n));
    block->inner_gain = sct_part_find(part, "layer_norm.weight", SCT_SHAPE(n));
    block->inner_shift = sct_part_find(part, "layer_norm.bias", SCT_SHAPE(n));
    block->project = sct_part_find(part, "project.weight", SCT_SHAPE(n, n));
    block->project_bias = sct_part_find(part, "project.bias", SCT_SHAPE(n));
    return part->fault->verdict == SCT_SOUND &&
           sct_depthwise_begin(&block->depthwise, &depthwise, n, block->most);
}

static _Bool make_buffers(sct_conformer *block, sct_fault *fault) {
    const sct_conformer_sizes *sizes = &block->sizes;
    const size_t n = sizes->channels, kept = sizes->context - 1 + block->most;
    const size_t widest = 3 * n > sizes->hidden ? 3 * n : sizes->hidden;
    block->keys = sct_zeros(kept * n, fault);
    block->values = sct_zeros(kept * n, fault);
    block->x = sct_zeros(block->most * widest, fault);
    block->y = sct_zeros(block->most * widest, fault);
    block->weights = sct_zeros(kept, fault);
    return fault->verdict == SCT_SOUND;
}

_Bool sct_conformer_begin(sct_conformer *block, const sct_part *part,
                          const sct_conformer_sizes *sizes, size_t most) {
    const uint32_t n = (uint32_t)sizes->channels;
    memset(block, 0, sizeof *block);
    block->sizes = *sizes;
    block->most = most;
    const sct_part before = sct_part_of(part, "feed_forward1");
    const sct_part attention = sct_part_of(part, "attention");
    const sct_part convolution = sct_part_of(part, "convolution");
    const sct_part after = sct_part_of(part, "feed_forward2");
    block->last_gain = sct_part_find(part, "norm.weight", SCT_SHAPE(n));
    block->last_shift = sct_part_find(part, "norm.bias", SCT_SHAPE(n));
    return find_feed_forward(&block->before, &before, sizes) &&
           find_attention(block, &attention) && find_convolution(block, &convolution) &&
           find_feed_forward(&block->after, &after, sizes) && make_buffers(block, part->fault);
}

void sct_conformer_end(sct_conformer *block) {
    sct_depthwise_end(&block->depthwise);
    free(block->keys);
    free(block->values);
    free(block->x);
    free(block->y);
    free(block->weights);
}

void sct_conformer_restart(sct_conformer *block) {
    sct_depthwise_restart(&block->depthwise);
    block->known = 0;
    block->position = 0;
}

static void norm_rows(const float *gain, const float *shift, size_t size, const double *x,
                      size_t count, double *y) {
    for (size_t t = 0; t < count; t++)
        sct_norm(gain, shift, epsilon, size, x + t * size, y + t * size);
}

/* x += half of what the layer makes of it. */
static void feed_forward(sct_conformer *block, const sct_feed_forward *layer, double *x,
                         size_t count) {
    const size_t n = block->sizes.channels, hidden = block->sizes.hidden;
    norm_rows(layer->gain, layer->shift, n, x, count, block->y);
    sct_wide_linear(layer->widen, layer->widen_bias, n, hidden, block->y, n, count, block->x);
    sct_silu(block->x, count * hidden, block->y);
    sct_wide_linear(layer->narrow, layer->narrow_bias, hidden, n, block->x, hidden, count,
                    block->y);
    for (size_t i = 0; i < count * n; i++) x[i] += 0.5 * block->y[i];
}

/* Interleaved pairs of x[size] turned by the angles of a position. */
static void turn(const double *turns, int64_t position, double *x, size_t size) {
    for (size_t i = 0; i < size; i += 2) {
        double sine, cosine;
        const double angle = (double)position * turns[i / 2], a = x[i], b = x[i + 1];
        sct_wide_turns(&angle, 1, &sine, &cosine);
        x[i] = a * cosine - b * sine;
        x[i + 1] = a * sine + b * cosine;
    }
}

/* block->x[count, 3 channels], queries, keys and values -> block->y[count, channels]. */
static void attend(sct_conformer *block, size_t count) {
    const size_t n = block->sizes.channels, heads = block->sizes.heads, size = n / heads;
    const size_t kept = block->sizes.context - 1 + block->most;
    for (size_t t = 0; t < count; t++)
        for (size_t h = 0; h < heads; h++) {
            double *q = block->x + t * 3 * n + h * size, *k = q + n;
            const int64_t position = block->position + (int64_t)t;
            if (block->sizes.turns) turn(block->sizes.turns, position, q, size);
            if (block->sizes.turns) turn(block->sizes.turns, position, k, size);
            const size_t at = (h * kept + block->known + t) * size;
            memcpy(block->keys + at, k, size * sizeof *k);
            memcpy(block->values + at, k + n, size * sizeof *k);
            const size_t all = block->known + t + 1;
            const size_t seen = all < block->sizes.context ? all : block->sizes.context;
            const size_t first = (h * kept + all - seen) * size;
            sct_wide_attend(q, block->keys + first, block->values + first, seen, size,
                            block->weights, block->y + t * n + h * size);
        }
}

/* Keep the keys and values that the next tokens see. */
static void forget(sct_conformer *block, size_t count) {
    const size_t size = block->sizes.channels / block->sizes.heads;
    const size_t kept = block->sizes.context - 1 + block->most, all = block->known + count;
    const size_t stay = all < block->sizes.context - 1 ? all : block->sizes.context - 1;
    for (size_t h = 0; h < block->sizes.heads; h++) {
        double *keys = block->keys + h * kept * size, *values = block->values + h * kept * size;
        memmove(keys, keys + (all - stay) * size, stay * size * sizeof *keys);
        memmove(values, values + (all - stay) * size, stay * size * sizeof *values);
    }
    block->known = stay;
    block->position += (int64_t)count;
}

static void self_attention(sct_conformer *block, double *x, size_t count) {
    const size_t n = block->sizes.channels;
    norm_rows(block->gain, block->shift, n, x, count, block->y);
    sct_wide_linear(block->in, block->in_bias, n, 3 * n, block->y, n, count, block->x);
    attend(block, count);
    forget(block, count);
    sct_wide_linear(block->out, block->out_bias, n, n, block->y, n, count, block->x);
    for (size_t i = 0; i < count * n; i++) x[i] += block->x[i];
}

/* y[count, channels] = the first half of x[count, 2 channels] times the sigmoid of the second. */
static void gate(const double *x, size_t n, size_t count, double *y) {
    for (size_t t = 0; t < count; t++) memcpy(y + t * n, x + (2 * t + 1) * n, n * sizeof *y);
    sct_sigmoid(y, count * n);
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < n; i++) y[t * n + i] *= x[2 * t * n + i];
}

static void convolution(sct_conformer *block, double *x, size_t count) {
    const size_t n = block->sizes.channels;
    norm_rows(block->conv_gain, block->conv_shift, n, x, count, block->y);
    sct_wide_linear(block->expand, block->expand_bias, n, 2 * n, block->y, n, count, block->x);
    gate(block->x, n, count, block->y);
    sct_depthwise_step(&block->depthwise, block->y, count, block->y);
    norm_rows(block->inner_gain, block->inner_shift, n, block->y, count, block->y);
    sct_silu(block->y, count * n, block->x);
    sct_wide_linear(block->project, block->project_bias, n, n, block->y, n, count, block->x);
    for (size_t i = 0; i < count * n; i++) x[i] += block->x[i];
}

void sct_conformer_step(sct_conformer *block, double *x, size_t count) {
    feed_forward(block, &block->before, x, count);
    self_attention(block, x, count);
    convolution(block, x, count);
    feed_forward(block, &block->after, x, count);
    norm_rows(block->last_gain, block->last_shift, block->sizes.channels, x, count, x);
}
