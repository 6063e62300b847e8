#include <stdlib.h>
#include <string.h>

#include "meldecoder.h"
#include "p2psyn_decoder.h"
#include "sct.h"
#include "vocoder.h"

enum { TOGETHER = 8 }; /* tokens at once, if so many come: their weights are read once */

struct sct_decoder {
    sct_model_facts facts;
    sct_p2psyn_decoder *p2psyn; /* does all of it, if the codec is one */
    sct_meldecoder mel;
    sct_vocoder vocoder;
    float *frames; /* [TOGETHER * unit, mels] */
    float *sound;  /* [hop * frames at once] */
    size_t early;  /* samples still to drop: those before the first */
};

static _Bool check_sizes(const sct_decoder *decoder, sct_fault *fault) {
    const sct_model_facts *facts = &decoder->facts;
    const size_t frames = decoder->mel.upsample.unit, hop = decoder->vocoder.hop;
    if (facts->num_codebooks == 1 && facts->codebook_size == decoder->mel.codebook &&
        facts->frame_size == frames * hop && facts->delay == decoder->vocoder.lookahead * hop)
        return 1;
    return sct_fail(fault, SCT_REFUSED, "the facts of the weights are not those of their networks");
}

static _Bool begin_p2psyn(sct_decoder *decoder, const sct_weights *weights, sct_fault *fault) {
    const sct_model_facts *facts = &decoder->facts;
    if (sct_p2psyn_decoder_open(weights, 0, &decoder->p2psyn, fault) != SCT_SOUND) return 0;
    return sct_p2psyn_decoder_fits(decoder->p2psyn, facts->codebook_size, facts->frame_size,
                                   facts->delay) ||
           sct_fail(fault, SCT_REFUSED, "the facts of the weights are not those of their networks");
}

static _Bool begin(sct_decoder *decoder, const sct_model *model, sct_fault *fault) {
    const sct_weights *weights = sct_model_weights(model);
    if (sct_weights_says(weights, "facts.kind", "p2psyn"))
        return begin_p2psyn(decoder, weights, fault);
    if (!sct_meldecoder_begin(&decoder->mel, weights, TOGETHER, fault)) return 0;
    const size_t frames = TOGETHER * decoder->mel.upsample.unit, mels = decoder->mel.num_mels;
    const size_t most = frames > SCT_MOST_LOOKAHEAD ? frames : SCT_MOST_LOOKAHEAD;
    if (!sct_vocoder_begin(&decoder->vocoder, weights, mels, most, fault) ||
        !check_sizes(decoder, fault))
        return 0;
    decoder->frames = malloc(most * mels * sizeof *decoder->frames);
    decoder->sound = malloc(most * decoder->vocoder.hop * sizeof *decoder->sound);
    return (decoder->frames && decoder->sound) ||
           sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

sct_verdict sct_decoder_new(const sct_model *model, const float *voice, sct_decoder **decoder,
                            sct_fault *fault) {
    static const float nobody[SCT_MAX_VOICE];
    sct_decoder *made = *decoder = calloc(1, sizeof *made);
    if (!made) {
        sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
        return fault->verdict;
    }
    made->facts = *sct_model_about(model);
    if (begin(made, model, fault)) {
        sct_decoder_restart(made);
        sct_decoder_voice(made, voice ? voice : nobody, fault);
    }
    if (fault->verdict == SCT_SOUND) return SCT_SOUND;
    sct_decoder_free(made);
    *decoder = NULL;
    return fault->verdict;
}

void sct_decoder_free(sct_decoder *decoder) {
    if (!decoder) return;
    sct_p2psyn_decoder_close(decoder->p2psyn);
    sct_meldecoder_end(&decoder->mel);
    sct_vocoder_end(&decoder->vocoder);
    free(decoder->frames);
    free(decoder->sound);
    free(decoder);
}

void sct_decoder_restart(sct_decoder *decoder) {
    if (decoder->p2psyn) {
        sct_p2psyn_decoder_restart(decoder->p2psyn);
        return;
    }
    sct_meldecoder_restart(&decoder->mel);
    sct_vocoder_restart(&decoder->vocoder);
    decoder->early = decoder->facts.delay;
}

static _Bool all_finite(const float *x, size_t size) {
    float wrong = 0;
    for (size_t i = 0; i < size; i++) wrong += x[i] - x[i];
    return wrong == 0;
}

static void limit(float *x, size_t size) {
    for (size_t i = 0; i < size; i++) x[i] = x[i] < -1 ? -1 : x[i] > 1 ? 1 : x[i];
}

sct_verdict sct_decoder_voice(sct_decoder *decoder, const float *voice, sct_fault *fault) {
    float limited[SCT_MAX_VOICE];
    const size_t size = decoder->facts.voice_size;
    if (!all_finite(voice, size)) {
        sct_fail(fault, SCT_REFUSED, "the voice holds numbers that are not finite");
        return fault->verdict;
    }
    if (decoder->p2psyn) return SCT_SOUND;
    memcpy(limited, voice, size * sizeof *limited);
    limit(limited, size);
    sct_meldecoder_voice(&decoder->mel, limited);
    return SCT_SOUND;
}

/* decoder->frames[count] -> samples at `to`, without those before the first; how many. */
static size_t speak(sct_decoder *decoder, size_t count, float *to, sct_fault *fault) {
    const size_t made = count * decoder->vocoder.hop;
    const size_t dropped = decoder->early < made ? decoder->early : made;
    sct_vocoder_step(&decoder->vocoder, decoder->frames, count, decoder->sound);
    if (!all_finite(decoder->sound, made)) {
        sct_fail(fault, SCT_DAMAGED, "the weights make sound that is not finite");
        return 0;
    }
    decoder->early -= dropped;
    memcpy(to, decoder->sound + dropped, (made - dropped) * sizeof *to);
    limit(to, made - dropped);
    return made - dropped;
}

static _Bool check_tokens(const sct_decoder *decoder, const uint32_t *tokens, size_t count,
                          sct_fault *fault) {
    for (size_t i = 0; i < count; i++)
        if (tokens[i] >= decoder->facts.codebook_size)
            return sct_fail(fault, SCT_REFUSED, "token %zu is %lu, and the codebook has %lu", i,
                            (unsigned long)tokens[i], (unsigned long)decoder->facts.codebook_size);
    return 1;
}

sct_verdict sct_decoder_push(sct_decoder *decoder, const uint32_t *tokens, size_t count,
                             float *samples, size_t *size, sct_fault *fault) {
    *size = 0;
    if (!check_tokens(decoder, tokens, count, fault)) return fault->verdict;
    if (decoder->p2psyn) {
        sct_p2psyn_decoder_push(decoder->p2psyn, tokens, count, samples, size, fault);
        limit(samples, *size);
        return fault->verdict;
    }
    while (count && fault->verdict == SCT_SOUND) {
        const size_t now = count < TOGETHER ? count : TOGETHER;
        sct_meldecoder_step(&decoder->mel, tokens, now, decoder->frames);
        *size += speak(decoder, now * decoder->mel.upsample.unit, samples + *size, fault);
        tokens += now, count -= now;
    }
    return fault->verdict;
}

sct_verdict sct_decoder_flush(sct_decoder *decoder, float *samples, size_t *size,
                              sct_fault *fault) {
    const size_t count = decoder->vocoder.lookahead;
    *size = 0;
    if (decoder->p2psyn) {
        sct_decoder_restart(decoder);
        return fault->verdict;
    }
    for (size_t i = 0; i < count * decoder->mel.num_mels; i++) decoder->frames[i] = sct_silence;
    *size = speak(decoder, count, samples, fault);
    sct_decoder_restart(decoder);
    return fault->verdict;
}
