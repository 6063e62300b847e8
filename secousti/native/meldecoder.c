#include "meldecoder.h"

#include <stdlib.h>
#include <string.h>

#include "wide.h"

static _Bool find_digits(sct_meldecoder *net, const sct_weights *weights, sct_fault *fault) {
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    net->levels = sct_weights_find(weights, "quantizer.levels", SCT_I32, SCT_SHAPE(SCT_ANY), fault);
    if (!net->levels) return 0;
    sct_weights_shape(weights, "quantizer.levels", shape, &dims);
    net->num_digits = shape[0], net->codebook = 1;
    _Bool good = shape[0] <= SCT_MOST_DIGITS;
    for (size_t i = 0; good && i < net->num_digits; i++) {
        good = net->levels[i] >= 2 && (size_t)net->levels[i] <= (1 << 23) / net->codebook;
        if (good) net->codebook *= (size_t)net->levels[i];
    }
    return good || sct_fail(fault, SCT_REFUSED, "quantizer.levels are out of range");
}

static _Bool find_sizes(sct_meldecoder *net, const sct_weights *weights, sct_fault *fault) {
    int32_t width, voice, mels, inner, causal;
    const _Bool found =
        sct_weights_number(weights, "config.transformer.d_model", 2, SCT_MOST_WIDTH, &width, fault) &&
        sct_weights_number(weights, "facts.voice_size", 1, SCT_MOST_VOICE, &voice, fault) &&
        sct_weights_number(weights, "config.mel.n_mels", 1, SCT_MOST_MELS, &mels, fault) &&
        sct_weights_number(weights, "config.acoustic_dim", 1, SCT_MOST_WIDTH, &inner, fault) &&
        sct_weights_number(weights, "config.transformer.causal", 1, 1, &causal, fault) &&
        sct_weights_number(weights, "config.seanet.causal", 1, 1, &causal, fault);
    if (!found) return 0;
    net->width = (size_t)width, net->voice_size = (size_t)voice;
    net->num_mels = (size_t)mels, net->inner = (size_t)inner;
    return 1;
}

static _Bool find_projections(sct_meldecoder *net, const sct_weights *weights, sct_fault *fault) {
    const uint32_t width = (uint32_t)net->width;
#define FIND(field, name, ...) \
    (net->field = sct_weights_find(weights, name, SCT_F32, SCT_SHAPE(__VA_ARGS__), fault))
    if (!FIND(project, "quantizer.project_out.weight", width, (uint32_t)net->num_digits) ||
        !FIND(project_bias, "quantizer.project_out.bias", width) ||
        !FIND(voice, "paralinguistic.mu.weight", width, (uint32_t)net->voice_size) ||
        !FIND(voice_bias, "paralinguistic.mu.bias", width))
        return 0;
    int32_t norms;
    if (!sct_weights_number(weights, "config.fusion_norm", 0, 1, &norms, fault)) return 0;
    return !norms || (FIND(semantic_gain, "connector.semantic_norm.weight", width) &&
                      FIND(semantic_bias, "connector.semantic_norm.bias", width) &&
                      FIND(global_gain, "connector.global_norm.weight", width) &&
                      FIND(global_bias, "connector.global_norm.bias", width));
#undef FIND
}

static _Bool find_injection(sct_injection *injection, const sct_weights *weights,
                            const char *weight, const char *bias, size_t layers, size_t width,
                            sct_fault *fault) {
    int32_t injects;
    *injection = (sct_injection){0};
    if (!sct_weights_number(weights, "config.voice_injection", 0, 1, &injects, fault)) return 0;
    if (!injects || !layers) return 1;
    const uint32_t outputs = (uint32_t)(layers * 4 * width);
    injection->weight = sct_weights_find(weights, weight, SCT_F32,
                                         SCT_SHAPE(outputs, (uint32_t)width), fault);
    if (!injection->weight) return 0;
    injection->bias = sct_weights_find(weights, bias, SCT_F32, SCT_SHAPE(outputs), fault);
    if (!injection->bias) return 0;
    injection->modulation = calloc(outputs, sizeof *injection->modulation);
    return injection->modulation || sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

static _Bool begin_transformers(sct_meldecoder *net, const sct_weights *weights, size_t upsampled,
                                sct_fault *fault) {
    int32_t connector, decoder;
    const size_t width = net->width, inner = net->inner;
    return sct_weights_number(weights, "config.depth.connector", 0, SCT_MOST_LAYERS, &connector,
                              fault) &&
           sct_weights_number(weights, "config.depth.decoder", 0, SCT_MOST_LAYERS, &decoder, fault) &&
           sct_transformer_find(&net->connector, weights, "connector.transformer",
                                (size_t)connector, width, inner, fault) &&
           sct_transformer_find(&net->decoder, weights, "decoder.transformer", (size_t)decoder,
                                inner, upsampled, fault) &&
           find_injection(&net->connector_injection, weights, "connector.injection.linear.weight",
                          "connector.injection.linear.bias", (size_t)connector, width, fault) &&
           find_injection(&net->decoder_injection, weights, "decoder.injection.linear.weight",
                          "decoder.injection.linear.bias", (size_t)decoder, width, fault) &&
           sct_transformer_begin(&net->connecting, &net->connector, net->most, fault) &&
           sct_transformer_begin(&net->decoding, &net->decoder, net->most, fault);
}

static _Bool make_scratch(sct_meldecoder *net, size_t upsampled, sct_fault *fault) {
    size_t widest = net->width > net->inner ? net->width : net->inner;
    if (upsampled > widest) widest = upsampled;
    net->given = calloc(net->width, sizeof *net->given);
    net->x = malloc(net->most * widest * sizeof *net->x);
    net->y = malloc(net->most * widest * sizeof *net->y);
    net->frames = malloc(net->most * net->upsample.unit * net->num_mels * sizeof *net->frames);
    return (net->given && net->x && net->y && net->frames) ||
           sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

_Bool sct_meldecoder_begin(sct_meldecoder *net, const sct_weights *weights, size_t most,
                           sct_fault *fault) {
    int32_t upsampled;
    *net = (sct_meldecoder){.most = most};
    if (!find_digits(net, weights, fault) || !find_sizes(net, weights, fault) ||
        !find_projections(net, weights, fault) ||
        !sct_weights_number(weights, "config.seanet.dimension", 1, SCT_MOST_WIDTH, &upsampled,
                            fault) ||
        !begin_transformers(net, weights, (size_t)upsampled, fault) ||
        !sct_upsample_begin(&net->upsample, weights, (size_t)upsampled, most, fault) ||
        !make_scratch(net, (size_t)upsampled, fault))
        return 0;
    net->refines = sct_refines(weights);
    if (net->refines && !sct_refiner_begin(&net->refiner, weights, net->num_mels,
                                           most * net->upsample.unit, fault))
        return 0;
    return net->upsample.last.outputs == net->num_mels ||
           sct_fail(fault, SCT_REFUSED, "the decoder does not give %zu mel bands", net->num_mels);
}

void sct_meldecoder_end(sct_meldecoder *net) {
    sct_transformer_end(&net->connecting);
    sct_transformer_end(&net->decoding);
    sct_upsample_end(&net->upsample);
    sct_refiner_end(&net->refiner);
    free(net->connector_injection.modulation);
    free(net->decoder_injection.modulation);
    free(net->given);
    free(net->x);
    free(net->y);
    free(net->frames);
    *net = (sct_meldecoder){0};
}

void sct_meldecoder_restart(sct_meldecoder *net) {
    sct_transformer_restart(&net->connecting);
    sct_transformer_restart(&net->decoding);
    sct_upsample_restart(&net->upsample);
    if (net->refines) sct_refiner_restart(&net->refiner);
}

static void inject(sct_injection *injection, size_t layers, size_t width, const double *voice) {
    if (injection->modulation)
        sct_wide_linear(injection->weight, injection->bias, width, layers * 4 * width, voice, width,
                        1, injection->modulation);
}

/* Python has the tokens' vectors in single precision, and goes on in double. */
static void narrowed(double *x, size_t size) {
    for (size_t i = 0; i < size; i++) x[i] = (double)(float)x[i];
}

void sct_meldecoder_voice(sct_meldecoder *net, const float *voice) {
    double numbers[SCT_MOST_VOICE];
    for (size_t i = 0; i < net->voice_size; i++) numbers[i] = (double)voice[i];
    sct_wide_linear(net->voice, net->voice_bias, net->voice_size, net->width, numbers,
                    net->voice_size, 1, net->given);
    inject(&net->connector_injection, net->connector.count, net->width, net->given);
    inject(&net->decoder_injection, net->decoder.count, net->width, net->given);
    if (net->global_gain)
        sct_wide_norm(net->global_gain, net->global_bias, net->width, net->given, net->given);
}

/* Token -> x[width]: its vector in this voice. */
static void fuse(sct_meldecoder *net, uint32_t token, double *x) {
    double digits[SCT_MOST_DIGITS];
    for (size_t i = 0; i < net->num_digits; i++) {
        const int32_t level = net->levels[i], half = level / 2;
        const int32_t digit = (int32_t)(token % (uint32_t)level) - half;
        digits[i] = (double)((float)digit / (float)half);
        token /= (uint32_t)level;
    }
    sct_wide_linear(net->project, net->project_bias, net->num_digits, net->width, digits,
                    net->num_digits, 1, x);
    narrowed(x, net->width);
    if (net->semantic_gain) sct_wide_norm(net->semantic_gain, net->semantic_bias, net->width, x, x);
    for (size_t i = 0; i < net->width; i++) x[i] += net->given[i];
}

void sct_meldecoder_step(sct_meldecoder *net, const uint32_t *tokens, size_t count, float *mel) {
    for (size_t i = 0; i < count; i++) fuse(net, tokens[i], net->x + i * net->width);
    sct_transformer_run(&net->connecting, net->x, count, net->connector_injection.modulation,
                        net->y);
    sct_transformer_run(&net->decoding, net->y, count, net->decoder_injection.modulation, net->x);
    sct_upsample_step(&net->upsample, net->x, count, net->frames);
    if (net->refines) sct_refiner_step(&net->refiner, net->frames, count * net->upsample.unit);
    const size_t size = count * net->upsample.unit * net->num_mels;
    for (size_t i = 0; i < size; i++) mel[i] = (float)net->frames[i];
}
