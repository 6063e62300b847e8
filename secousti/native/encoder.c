#include "encoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fsq.h"
#include "bounds.h"
#include "logmel.h"
#include "p2psyn_encoder.h"
#include "resample.h"
#include "seanet.h"
#include "speaker.h"
#include "transformer.h"
#include "wide.h"

enum { AT_ONCE = 16, BLOCK = 512 }; /* tokens; samples */
static const float loudest = 2;
static const int64_t longest = (int64_t)1 << 40; /* samples that can be expected */

struct sct_encoder {
    sct_p2psyn_encoder *p2psyn; /* does all of it, if the codec is one */
    sct_resampler resampler;
    sct_logmel mel;
    sct_seanet net;
    sct_transformer transformer;
    sct_transformer_state semantic;
    const float *mu, *mu_bias; /* [width, width], [width]: the mean of S */
    sct_fsq fsq;
    sct_speaker speaker;
    double *frames, *rows, *hidden; /* of AT_ONCE tokens */
    size_t pending;                /* frames that no token was made of yet */
    int64_t count;                 /* frames so far */
    int64_t first, last;           /* those of the voice; last < 0: the most recent ones */
    _Bool ended;
    uint32_t *tokens; /* where they go */
    size_t made;
    _Bool damaged;
};

static _Bool word_is(const sct_weights *weights, const char *name, const char *word,
                     sct_fault *fault) {
    const uint32_t size = (uint32_t)strlen(word);
    const uint8_t *found = sct_weights_find(weights, name, SCT_U8, SCT_SHAPE(SCT_ANY), fault);
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    if (!found) return 0;
    sct_weights_shape(weights, name, shape, &dims);
    if (shape[0] == size && !memcmp(found, word, size)) return 1;
    return sct_fail(fault, SCT_REFUSED,
                    "this codec is not encoded here: its %s is \"%.*s\", not \"%s\"", name,
                    shape[0] < 64 ? (int)shape[0] : 64, (const char *)found, word);
}

/* Whether everything that decides about tokens is what the code here does. */
static _Bool known(const sct_weights *weights, sct_fault *fault) {
    static const char *const words[][2] = {{"facts.kind", "secousti"},
                                           {"config.encode_precision", "float64"},
                                           {"config.mel.mode", "causal"},
                                           {"config.quantizer.kind", "fsq"},
                                           {"config.paralinguistic.window_rule", "central"}};
    static const char *const numbers[] = {"config.seanet.causal", "config.transformer.causal"};
    uint32_t shape[SCT_MOST_DIMS];
    int32_t number;
    int dims;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!word_is(weights, words[i][0], words[i][1], fault)) return 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!sct_weights_number(weights, numbers[i], 1, 1, &number, fault)) return 0;
    if (!sct_weights_shape(weights, "encoder.attention.positions", shape, &dims)) return 1;
    return sct_fail(fault, SCT_REFUSED, "codecs with token attention are not encoded here");
}

static _Bool make_buffers(sct_encoder *encoder, sct_fault *fault) {
    const size_t inputs = encoder->net.last.outputs, own = encoder->transformer.width;
    const size_t width = inputs > own ? inputs : own;
    const size_t frame = encoder->net.unit * encoder->mel.channels;
    encoder->frames = malloc(AT_ONCE * frame * sizeof *encoder->frames);
    encoder->rows = malloc(AT_ONCE * width * sizeof *encoder->rows);
    encoder->hidden = malloc(AT_ONCE * width * sizeof *encoder->hidden);
    if (encoder->frames && encoder->rows && encoder->hidden) return 1;
    return sct_fail(fault, SCT_NO_MEMORY, "no memory for an encoder");
}

/* The semantic projection: a transformer, and the linear layer to the mean of S. */
static _Bool begin_projection(sct_encoder *encoder, const sct_weights *weights, sct_fault *fault) {
    const size_t inputs = encoder->net.last.outputs;
    int32_t width, depth;
    if (!sct_weights_number(weights, "config.transformer.d_model", 1, SCT_MOST_WIDTH, &width,
                            fault) ||
        !sct_weights_number(weights, "config.depth.semantic", 1, SCT_MOST_LAYERS, &depth, fault) ||
        !sct_transformer_find(&encoder->transformer, weights, "semantic_projection.transformer",
                              (size_t)depth, inputs, (size_t)width, fault) ||
        !sct_transformer_begin(&encoder->semantic, &encoder->transformer, AT_ONCE, fault))
        return 0;
    const uint32_t size = (uint32_t)width;
    encoder->mu = sct_weights_find(weights, "semantic_projection.mu.weight", SCT_F32,
                                   SCT_SHAPE(size, size), fault);
    if (!encoder->mu) return 0;
    encoder->mu_bias =
        sct_weights_find(weights, "semantic_projection.mu.bias", SCT_F32, SCT_SHAPE(size), fault);
    return encoder->mu_bias != NULL;
}

static _Bool begin(sct_encoder *encoder, const sct_weights *weights, uint32_t rate,
                   sct_fault *fault) {
    int32_t own;
    if (sct_weights_says(weights, "facts.kind", "p2psyn"))
        return sct_p2psyn_encoder_open(weights, rate, &encoder->p2psyn, fault) == SCT_SOUND;
    if (rate < SCT_MIN_RATE || rate > SCT_MAX_RATE)
        return sct_fail(fault, SCT_REFUSED, "a sample rate must be %d to %d Hz, found %u",
                        SCT_MIN_RATE, SCT_MAX_RATE, rate);
    if (!known(weights, fault) || !sct_weights_number(weights, "facts.sample_rate", SCT_MIN_RATE,
                                                      SCT_MAX_RATE, &own, fault))
        return 0;
    sct_logmel *mel = &encoder->mel;
    sct_seanet *net = &encoder->net;
    return sct_resampler_begin(&encoder->resampler, rate, (uint32_t)own, fault) &&
           sct_logmel_begin(mel, weights, fault) &&
           sct_seanet_begin(net, weights, mel->channels, AT_ONCE, fault) &&
           begin_projection(encoder, weights, fault) &&
           sct_fsq_find(&encoder->fsq, weights, encoder->transformer.width, fault) &&
           sct_speaker_begin(&encoder->speaker, weights, mel->channels, fault) &&
           make_buffers(encoder, fault);
}

sct_verdict sct_encoder_open(const sct_weights *weights, uint32_t sample_rate,
                             sct_encoder **encoder, sct_fault *fault) {
    *fault = (sct_fault){0};
    *encoder = calloc(1, sizeof **encoder);
    if (!*encoder)
        sct_fail(fault, SCT_NO_MEMORY, "no memory for an encoder");
    else if (begin(*encoder, weights, sample_rate, fault))
        sct_encoder_restart(*encoder);
    else {
        sct_encoder_close(*encoder);
        *encoder = NULL;
    }
    return fault->verdict;
}

void sct_encoder_close(sct_encoder *encoder) {
    if (!encoder) return;
    sct_p2psyn_encoder_close(encoder->p2psyn);
    sct_resampler_end(&encoder->resampler);
    sct_logmel_end(&encoder->mel);
    sct_seanet_end(&encoder->net);
    sct_transformer_end(&encoder->semantic);
    sct_speaker_end(&encoder->speaker);
    free(encoder->frames);
    free(encoder->rows);
    free(encoder->hidden);
    free(encoder);
}

void sct_encoder_restart(sct_encoder *encoder) {
    encoder->ended = encoder->damaged = 0;
    if (encoder->p2psyn) {
        sct_p2psyn_encoder_restart(encoder->p2psyn);
        return;
    }
    sct_resampler_restart(&encoder->resampler);
    sct_logmel_restart(&encoder->mel);
    sct_seanet_restart(&encoder->net);
    sct_transformer_restart(&encoder->semantic);
    sct_speaker_restart(&encoder->speaker);
    encoder->pending = 0;
    encoder->count = encoder->first = 0, encoder->last = -1;
}

/* Samples that the codec has received when `count` of the recording are there. */
int64_t sct_encoder_samples(const sct_encoder *encoder) {
    if (encoder->p2psyn) return sct_p2psyn_encoder_samples(encoder->p2psyn);
    return sct_resampler_length(&encoder->resampler, encoder->resampler.received);
}

/* Frames of so many samples, those of whole tokens. */
static int64_t all_frames(const sct_encoder *encoder, int64_t samples) {
    const int64_t unit = (int64_t)encoder->net.unit, token = unit * (int64_t)encoder->mel.hop;
    return (samples / token + (samples % token != 0)) * unit;
}

void sct_encoder_expect(sct_encoder *encoder, int64_t num_samples) {
    if (encoder->ended) sct_encoder_restart(encoder);
    if (encoder->p2psyn) return; /* it keeps no voice */
    if (num_samples > longest) num_samples = longest;
    const int64_t samples = sct_resampler_length(&encoder->resampler, num_samples);
    sct_speaker_window(&encoder->speaker, all_frames(encoder, samples), &encoder->first,
                       &encoder->last);
}

_Bool sct_encoder_settled(const sct_encoder *encoder) {
    return encoder->last >= 0 && encoder->count >= encoder->last;
}

size_t sct_encoder_room(const sct_encoder *encoder, size_t count) {
    if (encoder->p2psyn) return sct_p2psyn_encoder_room(encoder->p2psyn, count);
    const int64_t held = (int64_t)(encoder->resampler.count + count);
    const size_t samples = (size_t)sct_resampler_length(&encoder->resampler, held);
    const size_t frames = (samples + encoder->mel.filled) / encoder->mel.hop + encoder->pending;
    return frames / encoder->net.unit + 1;
}

size_t sct_encoder_voice_size(const sct_encoder *encoder) { return encoder->speaker.voice_size; }

sct_verdict sct_encoder_voice(sct_encoder *encoder, int8_t *voice, sct_fault *fault) {
    *fault = (sct_fault){0};
    if (encoder->p2psyn)
        sct_fail(fault, SCT_REFUSED, "this codec keeps no voice");
    else if (encoder->speaker.count)
        sct_speaker_voice(&encoder->speaker, voice);
    else
        sct_fail(fault, SCT_REFUSED, "no audio has come in yet: push at least one mel frame of it");
    return fault->verdict;
}

/* Tokens of all whole ones that are pending. */
static void make_tokens(sct_encoder *encoder) {
    const size_t count = encoder->pending / encoder->net.unit, used = count * encoder->net.unit;
    const size_t width = encoder->transformer.width, channels = encoder->mel.channels;
    if (!count) return;
    sct_seanet_step(&encoder->net, encoder->frames, count, encoder->rows);
    sct_transformer_run(&encoder->semantic, encoder->rows, count, NULL, encoder->hidden);
    sct_wide_linear(encoder->mu, encoder->mu_bias, width, width, encoder->hidden, width, count,
                    encoder->rows);
    for (size_t i = 0; i < count; i++)
        if (!sct_fsq_token(&encoder->fsq, encoder->rows + i * width,
                           &encoder->tokens[encoder->made++]))
            encoder->damaged = 1;
    encoder->pending -= used;
    memmove(encoder->frames, encoder->frames + used * channels,
            encoder->pending * channels * sizeof *encoder->frames);
}

/* The next frame of the mel, which has all its samples. */
static void take_frame(sct_encoder *encoder) {
    double *frame = encoder->frames + encoder->pending++ * encoder->mel.channels;
    sct_logmel_frame(&encoder->mel, frame);
    if (encoder->last < 0 || (encoder->count >= encoder->first && encoder->count < encoder->last))
        sct_speaker_put(&encoder->speaker, frame);
    encoder->count++;
    if (encoder->pending == AT_ONCE * encoder->net.unit) make_tokens(encoder);
}

/* Samples at the codec's rate. */
static void take(sct_encoder *encoder, const double *samples, size_t count) {
    while (count) {
        const size_t taken = sct_logmel_put(&encoder->mel, samples, count);
        samples += taken, count -= taken;
        if (!sct_logmel_lacks(&encoder->mel)) take_frame(encoder);
    }
}

static void resample(sct_encoder *encoder, _Bool end) {
    double block[BLOCK];
    size_t count;
    while ((count = sct_resampler_give(&encoder->resampler, end, block, BLOCK)))
        take(encoder, block, count);
}

/* The tokens that are complete, and what is wrong with them. */
static sct_verdict finish(sct_encoder *encoder, size_t *made, sct_fault *fault) {
    if (!encoder->p2psyn) make_tokens(encoder);
    *made = encoder->damaged ? 0 : encoder->made;
    if (encoder->damaged)
        sct_fail(fault, SCT_DAMAGED, "the weights give no tokens: their numbers are damaged");
    return fault->verdict;
}

static void begin_push(sct_encoder *encoder, uint32_t *tokens, size_t *made, sct_fault *fault) {
    *fault = (sct_fault){0};
    *made = encoder->made = 0;
    encoder->tokens = tokens;
}

static _Bool sound(const float *samples, size_t count, sct_fault *fault) {
    float peak = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(samples[i]))
            return sct_fail(fault, SCT_REFUSED,
                            "a chunk has a NaN or infinite sample (first at index %zu)", i);
        if (fabsf(samples[i]) > peak) peak = fabsf(samples[i]);
    }
    if (peak <= loudest) return 1;
    return sct_fail(fault, SCT_REFUSED,
                    "a chunk reaches %g, far beyond full scale: float samples lie in [-1, 1]",
                    (double)peak);
}

static void push(sct_encoder *encoder, const float *samples, size_t count) {
    size_t made = 0;
    if (encoder->p2psyn) {
        sct_p2psyn_encoder_push(encoder->p2psyn, samples, count, encoder->tokens + encoder->made,
                                &made);
        encoder->made += made;
        return;
    }
    if (encoder->ended && count) sct_encoder_restart(encoder);
    for (size_t part; count; samples += part, count -= part) {
        part = count < SCT_RESAMPLE_MOST ? count : SCT_RESAMPLE_MOST;
        sct_resampler_put(&encoder->resampler, samples, part);
        resample(encoder, 0);
    }
}

sct_verdict sct_encoder_push(sct_encoder *encoder, const float *samples, size_t count,
                             uint32_t *tokens, size_t *made, sct_fault *fault) {
    begin_push(encoder, tokens, made, fault);
    if (!sound(samples, count, fault)) return fault->verdict;
    push(encoder, samples, count);
    return finish(encoder, made, fault);
}

sct_verdict sct_encoder_push16(sct_encoder *encoder, const int16_t *samples, size_t count,
                               uint32_t *tokens, size_t *made, sct_fault *fault) {
    float block[BLOCK];
    begin_push(encoder, tokens, made, fault);
    while (count) {
        const size_t part = count < BLOCK ? count : BLOCK;
        for (size_t i = 0; i < part; i++) block[i] = (float)samples[i] / 32768;
        push(encoder, block, part);
        samples += part, count -= part;
    }
    return finish(encoder, made, fault);
}

sct_verdict sct_encoder_flush(sct_encoder *encoder, uint32_t *tokens, size_t *made,
                              sct_fault *fault) {
    static const double silence[BLOCK];
    begin_push(encoder, tokens, made, fault);
    if (encoder->p2psyn) {
        sct_p2psyn_encoder_flush(encoder->p2psyn, tokens, made);
        return SCT_SOUND;
    }
    if (encoder->ended) return SCT_SOUND;
    resample(encoder, 1);
    const int64_t frames = all_frames(encoder, sct_encoder_samples(encoder));
    while (encoder->count < frames) {
        const size_t lacks = sct_logmel_lacks(&encoder->mel);
        take(encoder, silence, lacks < BLOCK ? lacks : BLOCK);
    }
    encoder->ended = 1;
    return finish(encoder, made, fault);
}
