#include "brought.h"

#include <stdio.h>
#include <string.h>

static _Bool number(const sct_weights *weights, const char *name, int32_t least, int32_t most,
                    uint32_t *value, sct_fault *fault) {
    int32_t found;
    if (!sct_weights_number(weights, name, least, most, &found, fault)) return 0;
    *value = (uint32_t)found;
    return 1;
}

static _Bool hash(const sct_weights *weights, const char *name, uint8_t *out, uint32_t size,
                  sct_fault *fault) {
    const void *found = sct_weights_find(weights, name, SCT_U8, SCT_SHAPE(size), fault);
    if (found) memcpy(out, found, size);
    return found != NULL;
}

static _Bool has(const sct_weights *weights, const char *name) {
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    return sct_weights_shape(weights, name, shape, &dims);
}

static _Bool bring_levels(const sct_weights *weights, sct_header *header, sct_fault *fault) {
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    if (!sct_weights_shape(weights, "facts.levels", shape, &dims)) return 1;
    const int32_t *levels =
        sct_weights_find(weights, "facts.levels", SCT_I32, SCT_SHAPE(SCT_ANY), fault);
    if (!levels) return 0;
    if (shape[0] > SCT_MAX_LEVELS)
        return sct_fail(fault, SCT_REFUSED, "the weights say that a token has %lu digits",
                        (unsigned long)shape[0]);
    header->num_levels = shape[0];
    for (uint32_t i = 0; i < shape[0]; i++) header->levels[i] = (uint32_t)levels[i];
    return 1;
}

static _Bool bring_header(const sct_weights *weights, sct_header *h, sct_fault *fault) {
    *h = (sct_header){.num_samples = -1};
    return number(weights, "facts.sample_rate", SCT_MIN_RATE, SCT_MAX_RATE, &h->sample_rate,
                  fault) &&
           number(weights, "facts.frame_size", 1, SCT_MAX_FRAME_SIZE, &h->frame_size, fault) &&
           number(weights, "facts.codebook_size", SCT_MIN_CODEBOOK, SCT_MAX_CODEBOOK,
                  &h->codebook_size, fault) &&
           number(weights, "facts.num_codebooks", 1, SCT_MAX_CODEBOOKS, &h->num_codebooks,
                  fault) &&
           number(weights, "facts.voice_size", 0, SCT_MAX_VOICE, &h->voice_size, fault) &&
           bring_levels(weights, h, fault) &&
           hash(weights, "facts.token_hash", h->token_hash, SCT_HASH, fault) &&
           (!h->voice_size ||
            hash(weights, "facts.voice_hash", h->voice_hash, SCT_HASH, fault));
}

/* A tensor of the head i, all of whose names end with its number. */
static const void *of_head(const sct_weights *weights, const char *name, uint32_t i,
                           sct_dtype dtype, const uint32_t *shape, int dims, sct_fault *fault) {
    char full[64];
    snprintf(full, sizeof full, "coder.tokens.%s.%u", name, i);
    return sct_weights_find(weights, full, dtype, shape, dims, fault);
}

static _Bool bring_head(const sct_weights *w, sct_network *net, uint32_t i, uint32_t before,
                        sct_fault *fault) {
    sct_head *head = &net->heads[i];
    const uint32_t mix = net->mix, size = net->groups[i];
    head->head = of_head(w, "head", i, SCT_I8, SCT_SHAPE(mix, net->hidden), fault);
    head->head_bias = of_head(w, "head_bias", i, SCT_I16, SCT_SHAPE(mix), fault);
    head->out = of_head(w, "out", i, SCT_I8, SCT_SHAPE(size, mix), fault);
    head->out_bias = of_head(w, "out_bias", i, SCT_I16, SCT_SHAPE(size), fault);
    if (i) head->given = of_head(w, "given", i, SCT_I16, SCT_SHAPE(before, mix), fault);
    return fault->verdict == SCT_SOUND;
}

/* The sizes of the network, which its tensors must then have. */
static _Bool bring_sizes(const sct_weights *weights, sct_network *net, sct_fault *fault) {
    uint32_t groups[SCT_MOST_DIMS], embed[SCT_MOST_DIMS], head[SCT_MOST_DIMS];
    int dims[3];
    sct_weights_shape(weights, "coder.tokens.groups", groups, &dims[0]);
    sct_weights_shape(weights, "coder.tokens.embed", embed, &dims[1]);
    sct_weights_shape(weights, "coder.tokens.head.0", head, &dims[2]);
    if (dims[0] != 1 || groups[0] > SCT_MAX_GROUPS || dims[1] != 3 || embed[2] % 3 || dims[2] != 2)
        return sct_fail(fault, SCT_REFUSED, "the weights hold no entropy coder of a known form");
    const int32_t *sizes =
        sct_weights_find(weights, "coder.tokens.groups", SCT_I32, SCT_SHAPE(groups[0]), fault);
    if (!sizes) return 0;
    net->num_groups = groups[0];
    for (uint32_t i = 0; i < net->num_groups; i++) net->groups[i] = (uint32_t)sizes[i];
    net->lags = embed[0];
    net->hidden = embed[2] / 3;
    net->mix = head[0];
    return sct_network_sized(net) ||
           sct_fail(fault, SCT_REFUSED, "the weights' entropy coder is beyond the limits");
}

static _Bool bring_network(const sct_weights *w, sct_network *net, sct_fault *fault) {
    if (!bring_sizes(w, net, fault)) return 0;
    uint32_t all = 0;
    for (uint32_t i = 0; i < net->num_groups; all += net->groups[i++])
        if (!bring_head(w, net, i, all, fault)) return 0;
#define BRING(name, dtype, ...) \
    net->name = sct_weights_find(w, "coder.tokens." #name, dtype, SCT_SHAPE(__VA_ARGS__), fault)
    BRING(embed, SCT_I16, net->lags, all, 3 * net->hidden);
    BRING(bias, SCT_I16, 3 * net->hidden);
    BRING(candidate, SCT_I16, net->hidden);
    BRING(recurrent, SCT_I8, 3 * net->hidden, net->hidden);
    BRING(sigmoid, SCT_I16, 4096);
    BRING(tanh, SCT_I16, 4096);
    BRING(exp, SCT_I32, 1025);
#undef BRING
    if (fault->verdict != SCT_SOUND) return 0;
    return sct_network_sound(net) ||
           sct_fail(fault, SCT_REFUSED, "the weights' entropy coder is beyond exact arithmetic");
}

static _Bool bring_voice(const sct_weights *w, sct_voice_code *code, sct_fault *fault) {
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    sct_weights_shape(w, "coder.voice.mean", shape, &dims);
    const uint32_t n = code->size = shape[0];
#define BRING(name, dtype, ...) \
    code->name = sct_weights_find(w, "coder.voice." #name, dtype, SCT_SHAPE(__VA_ARGS__), fault)
    BRING(mean, SCT_F32, n);
    BRING(reach, SCT_F32, n);
    BRING(basis, SCT_F32, n, n);
    BRING(analysis, SCT_F32, n, n);
    BRING(bits, SCT_U8, 3, n);
#undef BRING
    if (fault->verdict != SCT_SOUND) return 0;
    return sct_voice_code_sound(code) ||
           sct_fail(fault, SCT_REFUSED, "the weights' code for voices is none");
}

_Bool sct_bring(const sct_weights *weights, sct_brought *brought, sct_fault *fault) {
    sct_header *header = &brought->header;
    memset(brought, 0, sizeof *brought);
    if (!bring_header(weights, header, fault) || !sct_check_header(header, fault)) return 0;
    if (has(weights, "coder.hash")) {
        if (!hash(weights, "coder.hash", brought->coder.hash, 4, fault) ||
            !bring_network(weights, &brought->network, fault))
            return 0;
        brought->coder.network = &brought->network;
        header->payload = SCT_LEARNED;
    }
    if (has(weights, "coder.voice.mean")) {
        if (!bring_voice(weights, &brought->voice, fault)) return 0;
        brought->coder.voice = &brought->voice;
        header->voice_form = 1;
    }
    return 1;
}

const sct_coder *sct_coder_for(const sct_brought *brought, const sct_header *header,
                               sct_coder *copy) {
    *copy = brought->coder;
    if (!sct_reads_voices(header, brought->header.voice_hash)) copy->voice = NULL;
    return copy->network || copy->voice ? copy : NULL;
}
