#include "p2psyn_encoder.h"

#include <stdlib.h>
#include <string.h>

#include "convnext.h"
#include "bounds.h"
#include "resample.h"
#include "wide.h"

enum { AT_ONCE = 8, BLOCK = 512, MOST_HOP = 8192, MOST_STRIDE = 256, MOST_WIDTH = 1 << 14 };

struct sct_p2psyn_encoder {
    sct_resampler resampler;
    size_t hop, stride, frame; /* samples of an MDCT frame; its frames, its samples a token */
    float *basis;              /* [hop, 2 hop] of the MDCT */
    sct_convnext stack;
    sct_wide_conv down, head;
    const float *codebook;     /* [entries, width], the first of several */
    size_t entries, width;
    double *sizes;             /* [entries] squared lengths of its vectors */
    double *samples;           /* [hop + AT_ONCE * frame]: the last frame, and those that wait */
    size_t filled;             /* of those that wait */
    double *spectrum, *x, *y, *products;
    int64_t taken;             /* samples that are tokens, or wait to be */
    _Bool ended;
    uint32_t *tokens;          /* where they go */
    size_t made;
};

static _Bool check(const sct_part *whole) {
    uint32_t shape[SCT_MOST_DIMS];
    size_t causal;
    if (!sct_part_number(whole, "backbone.causal", 1, 1, &causal)) return 0;
    const sct_part quantizer = sct_part_of(whole, "teacher.quantizer");
    if (sct_part_has(&quantizer, "inputs.0.weight", shape))
        return sct_fail(whole->fault, SCT_REFUSED,
                        "codecs whose quantizer has projections are not encoded here");
    const uint8_t *metric = sct_weights_find(whole->weights, "config.quantizer.metric", SCT_U8,
                                             SCT_SHAPE(6), whole->fault);
    if (!metric || !memcmp(metric, "euclid", 6)) return metric != NULL;
    return sct_fail(whole->fault, SCT_REFUSED,
                    "codecs that search their codebook by angle are not encoded here");
}

/* [2 hop, hop] -> [hop, 2 hop]. */
static _Bool turn_basis(sct_p2psyn_encoder *encoder, const sct_part *whole) {
    const size_t hop = encoder->hop;
    const sct_part mdct = sct_part_of(whole, "teacher.mdct");
    const float *basis =
        sct_part_find(&mdct, "basis", SCT_SHAPE(2 * (uint32_t)hop, (uint32_t)hop));
    if (!basis) return 0;
    encoder->basis = malloc(2 * hop * hop * sizeof *basis);
    if (!encoder->basis) return sct_fail(whole->fault, SCT_NO_MEMORY, "there is no memory");
    for (size_t k = 0; k < hop; k++)
        for (size_t n = 0; n < 2 * hop; n++) encoder->basis[k * 2 * hop + n] = basis[n * hop + k];
    return 1;
}

static _Bool begin_codebook(sct_p2psyn_encoder *encoder, const sct_part *whole) {
    const sct_part quantizer = sct_part_of(whole, "teacher.quantizer");
    uint32_t shape[SCT_MOST_DIMS] = {0};
    const uint32_t width = (uint32_t)encoder->head.outputs;
    encoder->codebook =
        sct_part_find(&quantizer, "codebooks", SCT_SHAPE(SCT_ANY, SCT_ANY, width));
    if (!encoder->codebook) return 0;
    sct_part_has(&quantizer, "codebooks", shape);
    encoder->entries = shape[1], encoder->width = width;
    encoder->sizes = sct_zeros(encoder->entries, whole->fault);
    encoder->products = sct_zeros(AT_ONCE * encoder->entries, whole->fault);
    if (!encoder->sizes || !encoder->products) return 0;
    for (size_t i = 0; i < encoder->entries; i++)
        for (size_t j = 0; j < width; j++) {
            const double number = (double)encoder->codebook[i * width + j];
            encoder->sizes[i] += number * number;
        }
    return 1;
}

static _Bool begin_network(sct_p2psyn_encoder *encoder, const sct_part *whole) {
    const sct_part network = sct_part_of(whole, "teacher.encoder");
    const sct_part stack = sct_part_of(&network, "stack");
    const size_t most = AT_ONCE * encoder->stride;
    if (!sct_convnext_begin(&encoder->stack, &stack, encoder->hop, most)) return 0;
    const size_t channels = encoder->stack.channels;
    const sct_part down = sct_part_of(&network, "down.conv");
    const sct_part head = sct_part_of(&network, "head.conv");
    if (!sct_wide_conv_begin(&encoder->down, whole->weights, down.name, channels, encoder->stride,
                             most, whole->fault) ||
        !sct_wide_conv_begin(&encoder->head, whole->weights, head.name, encoder->down.outputs, 1,
                             AT_ONCE, whole->fault))
        return 0;
    encoder->spectrum = sct_zeros(most * encoder->hop, whole->fault);
    /* x holds frames of the stack and then latents of tokens */
    const size_t wide = encoder->stride * channels, latent = encoder->head.outputs;
    encoder->x = sct_zeros(AT_ONCE * (wide > latent ? wide : latent), whole->fault);
    encoder->y = sct_zeros(AT_ONCE * encoder->down.outputs, whole->fault);
    encoder->samples = sct_zeros(encoder->hop + AT_ONCE * encoder->frame, whole->fault);
    return whole->fault->verdict == SCT_SOUND;
}

static _Bool begin(sct_p2psyn_encoder *encoder, const sct_part *whole, uint32_t rate) {
    size_t own;
    if (rate < SCT_MIN_RATE || rate > SCT_MAX_RATE)
        return sct_fail(whole->fault, SCT_REFUSED, "a sample rate must be %d to %d Hz, found %u",
                        SCT_MIN_RATE, SCT_MAX_RATE, rate);
    if (!check(whole) ||
        !sct_part_number(whole, "sample_rate", SCT_MIN_RATE, SCT_MAX_RATE, &own) ||
        !sct_part_number(whole, "backbone.coefficients", 1, MOST_HOP, &encoder->hop) ||
        !sct_part_number(whole, "backbone.stride", 1, MOST_STRIDE, &encoder->stride))
        return 0;
    encoder->frame = encoder->hop * encoder->stride;
    return sct_resampler_begin(&encoder->resampler, rate, (uint32_t)own, whole->fault) &&
           turn_basis(encoder, whole) && begin_network(encoder, whole) &&
           begin_codebook(encoder, whole);
}

sct_verdict sct_p2psyn_encoder_open(const sct_weights *weights, uint32_t sample_rate,
                                    sct_p2psyn_encoder **encoder, sct_fault *fault) {
    const sct_part whole = {weights, fault, ""};
    *encoder = calloc(1, sizeof **encoder);
    if (!*encoder)
        sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
    else if (!begin(*encoder, &whole, sample_rate)) {
        sct_p2psyn_encoder_close(*encoder);
        *encoder = NULL;
    }
    return fault->verdict;
}

void sct_p2psyn_encoder_close(sct_p2psyn_encoder *encoder) {
    if (!encoder) return;
    sct_resampler_end(&encoder->resampler);
    sct_convnext_end(&encoder->stack);
    sct_wide_conv_end(&encoder->down);
    sct_wide_conv_end(&encoder->head);
    free(encoder->basis);
    free(encoder->sizes);
    free(encoder->samples);
    free(encoder->spectrum);
    free(encoder->x);
    free(encoder->y);
    free(encoder->products);
    free(encoder);
}

void sct_p2psyn_encoder_restart(sct_p2psyn_encoder *encoder) {
    sct_resampler_restart(&encoder->resampler);
    sct_convnext_restart(&encoder->stack);
    sct_wide_conv_restart(&encoder->down);
    sct_wide_conv_restart(&encoder->head);
    memset(encoder->samples, 0, encoder->hop * sizeof *encoder->samples);
    encoder->filled = 0;
    encoder->taken = 0;
    encoder->ended = 0;
}

int64_t sct_p2psyn_encoder_samples(const sct_p2psyn_encoder *encoder) {
    return sct_resampler_length(&encoder->resampler, encoder->resampler.received);
}

size_t sct_p2psyn_encoder_room(const sct_p2psyn_encoder *encoder, size_t count) {
    const int64_t held = (int64_t)(encoder->resampler.count + count);
    const size_t samples = (size_t)sct_resampler_length(&encoder->resampler, held);
    /* the end adds the frame of the MDCT that completes the last one */
    return (samples + encoder->filled + 2 * encoder->hop) / encoder->frame + 1;
}

/* Where |x - w|^2 is least: |x|^2 is the same for every vector, so |w|^2 - 2 x.w decides. */
static uint32_t nearest(const sct_p2psyn_encoder *encoder, const double *products) {
    uint32_t best = 0;
    double least = encoder->sizes[0] - 2 * products[0];
    for (uint32_t i = 1; i < encoder->entries; i++) {
        const double distance = encoder->sizes[i] - 2 * products[i];
        if (distance < least) least = distance, best = i;
    }
    return best;
}

/* Tokens of all whole ones that wait. */
static void make_tokens(sct_p2psyn_encoder *encoder) {
    const size_t count = encoder->filled / encoder->frame, frames = count * encoder->stride;
    const size_t hop = encoder->hop, used = count * encoder->frame;
    if (!count) return;
    sct_wide_linear(encoder->basis, NULL, 2 * hop, hop, encoder->samples, hop, frames,
                    encoder->spectrum);
    sct_convnext_step(&encoder->stack, encoder->spectrum, frames, encoder->x);
    sct_wide_conv_step(&encoder->down, encoder->x, frames, encoder->y);
    sct_wide_conv_step(&encoder->head, encoder->y, count, encoder->x);
    sct_wide_linear(encoder->codebook, NULL, encoder->width, encoder->entries, encoder->x,
                    encoder->width, count, encoder->products);
    for (size_t i = 0; i < count; i++)
        encoder->tokens[encoder->made++] =
            nearest(encoder, encoder->products + i * encoder->entries);
    encoder->filled -= used;
    memmove(encoder->samples, encoder->samples + used,
            (hop + encoder->filled) * sizeof *encoder->samples);
}

/* Samples at the codec's rate. */
static void take(sct_p2psyn_encoder *encoder, const double *samples, size_t count) {
    const size_t room = AT_ONCE * encoder->frame;
    encoder->taken += (int64_t)count;
    while (count) {
        const size_t left = room - encoder->filled, now = count < left ? count : left;
        memcpy(encoder->samples + encoder->hop + encoder->filled, samples, now * sizeof *samples);
        encoder->filled += now;
        samples += now, count -= now;
        if (encoder->filled == room) make_tokens(encoder);
    }
}

static void resample(sct_p2psyn_encoder *encoder, _Bool end) {
    double block[BLOCK];
    size_t count;
    while ((count = sct_resampler_give(&encoder->resampler, end, block, BLOCK)))
        take(encoder, block, count);
}

void sct_p2psyn_encoder_push(sct_p2psyn_encoder *encoder, const float *samples, size_t count,
                             uint32_t *tokens, size_t *made) {
    encoder->tokens = tokens;
    encoder->made = 0;
    if (encoder->ended && count) sct_p2psyn_encoder_restart(encoder);
    for (size_t part; count; samples += part, count -= part) {
        part = count < SCT_RESAMPLE_MOST ? count : SCT_RESAMPLE_MOST;
        sct_resampler_put(&encoder->resampler, samples, part);
        resample(encoder, 0);
    }
    make_tokens(encoder);
    *made = encoder->made;
}

/* Tokens that hold so many samples: whole MDCT frames, and the one that ends them. */
static int64_t tokens_for(const sct_p2psyn_encoder *encoder, int64_t samples) {
    const int64_t hop = (int64_t)encoder->hop, stride = (int64_t)encoder->stride;
    const int64_t frames = (samples + hop - 1) / hop + 1;
    return samples ? (frames + stride - 1) / stride : 0;
}

void sct_p2psyn_encoder_flush(sct_p2psyn_encoder *encoder, uint32_t *tokens, size_t *made) {
    static const double silence[BLOCK];
    *made = encoder->made = 0;
    encoder->tokens = tokens;
    if (encoder->ended) return;
    resample(encoder, 1);
    const int64_t all = tokens_for(encoder, encoder->taken) * (int64_t)encoder->frame;
    while (encoder->taken < all) {
        const int64_t left = all - encoder->taken;
        take(encoder, silence, left < BLOCK ? (size_t)left : BLOCK);
    }
    make_tokens(encoder);
    encoder->ended = 1;
    *made = encoder->made;
}
