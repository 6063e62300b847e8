#include <stdlib.h>
#include <string.h>

#include "sct.h"

struct sct_model {
    sct_weights *weights;
    sct_model_facts facts;
};

static _Bool find_hash(const sct_weights *weights, const char *name, uint8_t hash[8],
                       sct_fault *fault) {
    const uint8_t *found = sct_weights_find(weights, name, SCT_U8, SCT_SHAPE(8), fault);
    if (found) memcpy(hash, found, 8);
    return found != NULL;
}

static _Bool number(const sct_weights *weights, const char *name, int32_t least, int32_t most,
                    uint32_t *to, sct_fault *fault) {
    int32_t value;
    if (!sct_weights_number(weights, name, least, most, &value, fault)) return 0;
    *to = (uint32_t)value;
    return 1;
}

/* The digits of a token; a codec without them has no such tensor. */
static _Bool find_levels(sct_model *model, sct_fault *fault) {
    sct_model_facts *facts = &model->facts;
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    if (!sct_weights_shape(model->weights, "facts.levels", shape, &dims)) return 1;
    const int32_t *levels = sct_weights_find(model->weights, "facts.levels", SCT_I32,
                                             SCT_SHAPE(SCT_ANY), fault);
    if (!levels) return 0;
    if (shape[0] > SCT_MAX_LEVELS)
        return sct_fail(fault, SCT_REFUSED, "tokens of %lu digits", (unsigned long)shape[0]);
    facts->num_levels = shape[0];
    for (uint32_t i = 0; i < shape[0]; i++) {
        if (levels[i] < 2) return sct_fail(fault, SCT_REFUSED, "a digit of %ld", (long)levels[i]);
        facts->levels[i] = (uint32_t)levels[i];
    }
    return 1;
}

static _Bool find_facts(sct_model *model, sct_fault *fault) {
    const sct_weights *w = model->weights;
    sct_model_facts *facts = &model->facts;
    if (!number(w, "facts.sample_rate", SCT_MIN_RATE, SCT_MAX_RATE, &facts->sample_rate, fault) ||
        !number(w, "facts.frame_size", 1, SCT_MAX_FRAME_SIZE, &facts->frame_size, fault) ||
        !number(w, "facts.codebook_size", SCT_MIN_CODEBOOK, SCT_MAX_CODEBOOK,
                &facts->codebook_size, fault) ||
        !number(w, "facts.num_codebooks", 1, SCT_MAX_CODEBOOKS, &facts->num_codebooks, fault) ||
        !number(w, "facts.voice_size", 0, SCT_MAX_VOICE, &facts->voice_size, fault) ||
        !number(w, "facts.delay", 0, SCT_MAX_FRAME_SIZE, &facts->delay, fault) ||
        !number(w, "facts.profile", 0, 31, &facts->profile, fault) ||
        !find_hash(w, "facts.token_hash", facts->token_hash, fault) || !find_levels(model, fault))
        return 0;
    return !facts->voice_size || find_hash(w, "facts.voice_hash", facts->voice_hash, fault);
}

/* A model of these weights, which are its own from here on. */
static sct_verdict begin(sct_weights *weights, sct_model **model, sct_fault *fault) {
    *model = calloc(1, sizeof **model);
    if (*model) {
        (*model)->weights = weights;
        if (find_facts(*model, fault)) return SCT_SOUND;
        free(*model);
        *model = NULL;
    } else {
        sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
    }
    sct_weights_close(weights);
    return fault->verdict;
}

sct_verdict sct_model_open(const char *path, sct_model **model, sct_fault *fault) {
    sct_weights *weights;
    *model = NULL;
    if (sct_weights_open(path, &weights, fault) != SCT_SOUND) return fault->verdict;
    return begin(weights, model, fault);
}

sct_verdict sct_model_of(const void *data, size_t size, sct_model **model, sct_fault *fault) {
    sct_weights *weights;
    *model = NULL;
    if (sct_weights_of(data, size, &weights, fault) != SCT_SOUND) return fault->verdict;
    return begin(weights, model, fault);
}

void sct_model_close(sct_model *model) {
    if (!model) return;
    sct_weights_close(model->weights);
    free(model);
}

const sct_model_facts *sct_model_about(const sct_model *model) { return &model->facts; }
const sct_weights *sct_model_weights(const sct_model *model) { return model->weights; }
