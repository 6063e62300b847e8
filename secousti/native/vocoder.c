#include "vocoder.h"

#include <stdlib.h>
#include <string.h>

const float sct_silence = -11.5129254649702287f; /* ln 1e-5 */

static _Bool find_sizes(sct_vocoder *vocoder, const sct_weights *weights, sct_fault *fault) {
    int32_t lookahead, projects;
    if (!sct_weights_says(weights, "config.vocoder.kind", "causal_istft"))
        return sct_fail(fault, SCT_REFUSED, "the vocoder is of a kind that this program lacks");
    if (!sct_weights_number(weights, "config.vocoder.causal_istft.lookahead", 0, SCT_MOST_LOOKAHEAD,
                            &lookahead, fault) ||
        !sct_weights_number(weights, "config.vocoder.causal_istft.project", 0, 1, &projects, fault))
        return 0;
    vocoder->lookahead = (size_t)lookahead, vocoder->projects = (_Bool)projects;
    return 1;
}

static _Bool begin_parts(sct_vocoder *vocoder, const sct_weights *weights, sct_fault *fault) {
    const size_t mels = vocoder->mels;
    return sct_backbone_begin(&vocoder->backbone, weights, mels, vocoder->most, fault) &&
           sct_spectra_begin(&vocoder->head, weights, mels, vocoder->backbone.channels, fault) &&
           (!vocoder->projects || sct_magnitudes_begin(&vocoder->magnitudes, weights, mels,
                                                       vocoder->lookahead, fault));
}

_Bool sct_vocoder_begin(sct_vocoder *vocoder, const sct_weights *weights, size_t mels, size_t most,
                        sct_fault *fault) {
    *vocoder = (sct_vocoder){.mels = mels, .most = most};
    if (!find_sizes(vocoder, weights, fault) || !begin_parts(vocoder, weights, fault)) return 0;
    const size_t size = vocoder->size = vocoder->head.size, hop = vocoder->hop = vocoder->head.hop;
    vocoder->window = sct_weights_find(weights, "vocoder.overlap_add.window", SCT_F32,
                                       SCT_SHAPE((uint32_t)size), fault);
    if (!vocoder->window) return 0;
    vocoder->shifted = malloc(most * mels * sizeof *vocoder->shifted);
    vocoder->features = malloc(most * vocoder->backbone.channels * sizeof *vocoder->features);
    vocoder->spectrum = malloc((size + 2) * sizeof *vocoder->spectrum);
    vocoder->sums = calloc(size + hop, sizeof *vocoder->sums);
    vocoder->frame = malloc(size * sizeof *vocoder->frame);
    vocoder->due = malloc(hop * sizeof *vocoder->due);
    return (vocoder->shifted && vocoder->features && vocoder->spectrum && vocoder->sums &&
            vocoder->frame && vocoder->due) ||
           sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

void sct_vocoder_end(sct_vocoder *vocoder) {
    sct_backbone_end(&vocoder->backbone);
    sct_spectra_end(&vocoder->head);
    sct_magnitudes_end(&vocoder->magnitudes);
    free(vocoder->shifted);
    free(vocoder->features);
    free(vocoder->spectrum);
    free(vocoder->sums);
    free(vocoder->frame);
    free(vocoder->due);
    *vocoder = (sct_vocoder){0};
}

void sct_vocoder_restart(sct_vocoder *vocoder) {
    sct_backbone_restart(&vocoder->backbone);
    sct_spectra_restart(&vocoder->head);
    if (vocoder->projects) sct_magnitudes_restart(&vocoder->magnitudes);
    memset(vocoder->sums, 0, (vocoder->size + vocoder->hop) * sizeof *vocoder->sums);
}

/* vocoder->sums[size]: the sum of all frames so far, from the hop that this one makes final. */
static void overlap_add(sct_vocoder *vocoder) {
    const size_t size = vocoder->size, hop = vocoder->hop;
    sct_fourier_signal(&vocoder->head.fourier, vocoder->spectrum, vocoder->frame);
    memmove(vocoder->sums, vocoder->sums + hop, size * sizeof *vocoder->sums);
    for (size_t i = 0; i < size; i++)
        vocoder->sums[i] += vocoder->frame[i] * (double)vocoder->window[i];
}

/* A frame -> audio[hop]. */
static void speak(sct_vocoder *vocoder, const float *features, const float *mel, float *audio) {
    sct_spectra_step(&vocoder->head, features, mel, vocoder->spectrum);
    overlap_add(vocoder);
    const double *out = vocoder->sums;
    if (vocoder->projects) {
        sct_magnitudes_step(&vocoder->magnitudes, mel, vocoder->sums, vocoder->size, vocoder->due);
        out = vocoder->due;
    }
    for (size_t i = 0; i < vocoder->hop; i++) audio[i] = (float)out[i];
}

void sct_vocoder_step(sct_vocoder *vocoder, const float *mel, size_t count, float *audio) {
    const size_t mels = vocoder->mels, channels = vocoder->backbone.channels;
    for (size_t i = 0; i < count * mels; i++) vocoder->shifted[i] = (mel[i] - sct_silence) / 4;
    sct_backbone_step(&vocoder->backbone, vocoder->shifted, count, vocoder->features);
    for (size_t i = 0; i < count; i++)
        speak(vocoder, vocoder->features + i * channels, mel + i * mels, audio + i * vocoder->hop);
}
