#include "magnitudes.h"

#include <stdlib.h>
#include <string.h>

#include "wide.h"

enum { FIT_STEPS = 20, MOST_SIZE = 8192 };
#define PREFIX "vocoder.projection."

static const double loudest = 4; /* nats: a full-scale sine has about 2.3, more is no sound */
static const double kept = (double)0.3f; /* weight of the uncorrected audio */

static _Bool find_sizes(sct_magnitudes *net, const sct_weights *weights, sct_fault *fault) {
    int32_t size, hop;
    if (!sct_weights_number(weights, "config.mel.n_fft", 4, MOST_SIZE, &size, fault) ||
        !sct_weights_number(weights, "config.mel.hop_length", 1, size, &hop, fault))
        return 0;
    net->size = (size_t)size, net->bins = net->size / 2 + 1, net->hop = (size_t)hop;
    net->window = sct_weights_find(weights, PREFIX "window", SCT_F32, SCT_SHAPE((uint32_t)size),
                                   fault);
    return net->window != NULL;
}

/* Filters [bins, mels] are triangles: only the taps from the first to the last are kept. */
static _Bool compress(sct_magnitudes *net, const float *filters, sct_fault *fault) {
    size_t count = 0;
    net->first = calloc(net->mels, sizeof *net->first);
    net->end = calloc(net->mels, sizeof *net->end);
    if (!net->first || !net->end) return sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
    for (size_t m = 0; m < net->mels; m++) {
        for (uint32_t k = 0; k < net->bins; k++) {
            if (filters[k * net->mels + m] == 0) continue;
            if (!net->end[m]) net->first[m] = k;
            net->end[m] = k + 1;
        }
        count += net->end[m] - net->first[m];
    }
    double *taps = net->taps = malloc((count + 1) * sizeof *taps);
    if (!taps) return sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
    for (size_t m = 0; m < net->mels; m++)
        for (uint32_t k = net->first[m]; k < net->end[m]; k++)
            *taps++ = (double)filters[k * net->mels + m];
    return 1;
}

/* What the windows that cover a sample weigh together. */
static void weigh(sct_magnitudes *net) {
    const size_t past = net->size - net->hop;
    for (size_t j = 0; j < net->hop; j++) net->weight[j] = kept;
    for (size_t i = 0; i <= net->lookahead && i * net->hop <= past; i++)
        for (size_t j = 0; j < net->hop; j++) {
            const double w = (double)net->window[past - i * net->hop + j];
            net->weight[j] += w * w;
        }
}

static _Bool make_scratch(sct_magnitudes *net, sct_fault *fault) {
    const size_t number = sizeof(double);
    net->audio = malloc((net->size + net->lookahead * net->hop) * number);
    net->magnitudes = malloc((net->lookahead + 1) * net->bins * number);
    net->weight = malloc(net->hop * number);
    net->bands = malloc(net->mels * number);
    net->spread = malloc(net->bins * number);
    net->found = malloc(net->bins * number);
    net->spectrum = malloc(2 * net->bins * number);
    net->frame = malloc(net->size * number);
    return (net->audio && net->magnitudes && net->weight && net->bands && net->spread &&
            net->found && net->spectrum && net->frame) ||
           sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

_Bool sct_magnitudes_begin(sct_magnitudes *net, const sct_weights *weights, size_t mels,
                           size_t lookahead, sct_fault *fault) {
    *net = (sct_magnitudes){.mels = mels, .lookahead = lookahead};
    if (lookahead > SCT_MOST_LOOKAHEAD)
        return sct_fail(fault, SCT_REFUSED, "the vocoder looks ahead %zu frames", lookahead);
    if (!find_sizes(net, weights, fault)) return 0;
    const float *filters = sct_weights_find(weights, PREFIX "filters", SCT_F32,
                                            SCT_SHAPE((uint32_t)net->bins, (uint32_t)mels), fault);
    if (!filters || !compress(net, filters, fault) || !make_scratch(net, fault) ||
        !sct_fourier_begin(&net->fourier, net->size, fault))
        return 0;
    weigh(net);
    sct_magnitudes_restart(net);
    return 1;
}

void sct_magnitudes_end(sct_magnitudes *net) {
    sct_fourier_end(&net->fourier);
    double *all[] = {net->taps,  net->audio,  net->magnitudes, net->weight, net->bands,
                     net->spread, net->found, net->spectrum,   net->frame};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(net->first);
    free(net->end);
    *net = (sct_magnitudes){0};
}

void sct_magnitudes_restart(sct_magnitudes *net) {
    memset(net->audio, 0, (net->size + net->lookahead * net->hop) * sizeof *net->audio);
    memset(net->magnitudes, 0, (net->lookahead + 1) * net->bins * sizeof *net->magnitudes);
}

/* bands[mels] -> out[bins] = what the filters spread of them. */
static void spread(const sct_magnitudes *net, const double *bands, double *out) {
    const double *taps = net->taps;
    memset(out, 0, net->bins * sizeof *out);
    for (size_t m = 0; m < net->mels; m++)
        for (uint32_t k = net->first[m]; k < net->end[m]; k++) out[k] += bands[m] * *taps++;
}

/* x[bins] -> bands[mels] = what the filters gather of it. */
static void gather(const sct_magnitudes *net, const double *x, double *bands) {
    const double *taps = net->taps;
    for (size_t m = 0; m < net->mels; m++) {
        double sum = 0;
        for (uint32_t k = net->first[m]; k < net->end[m]; k++) sum += x[k] * *taps++;
        bands[m] = sum;
    }
}

/* Magnitudes that fit a log-mel: multiplicative updates from the spread-out mel. */
static void fit(sct_magnitudes *net, const float *mel, double *out) {
    for (size_t m = 0; m < net->mels; m++)
        net->bands[m] = (double)mel[m] > loudest ? loudest : (double)mel[m];
    sct_wide_powers(net->bands, net->mels);
    spread(net, net->bands, net->spread);
    for (size_t k = 0; k < net->bins; k++) out[k] = net->spread[k] + 1e-6;
    for (int step = 0; step < FIT_STEPS; step++) {
        gather(net, out, net->bands);
        spread(net, net->bands, net->found);
        for (size_t k = 0; k < net->bins; k++)
            out[k] = out[k] * net->spread[k] / (net->found[k] + 1e-9);
    }
}

/* A frame of net->audio with the wanted magnitudes, net->frame[size]. */
static void project(sct_magnitudes *net, const double *audio, const double *wanted) {
    for (size_t i = 0; i < net->size; i++) net->frame[i] = audio[i] * (double)net->window[i];
    sct_fourier_spectrum(&net->fourier, net->frame, net->spectrum);
    for (size_t k = 0; k < net->bins; k++) {
        double *bin = net->spectrum + 2 * k;
        const double size = sct_wide_root(bin[0] * bin[0] + bin[1] * bin[1] + 1e-12);
        bin[0] *= wanted[k] / size;
        bin[1] *= wanted[k] / size;
    }
    sct_fourier_signal(&net->fourier, net->spectrum, net->frame);
}

/* net->audio: the hop that is due, and what is coming, after the past. */
static void receive(sct_magnitudes *net, const double *sums, size_t known) {
    const size_t past = net->size - net->hop, room = (net->lookahead + 1) * net->hop;
    const size_t count = known < room ? known : room;
    memmove(net->audio, net->audio + net->hop, past * sizeof *sums);
    memcpy(net->audio + past, sums, count * sizeof *sums);
    memset(net->audio + past + count, 0, (room - count) * sizeof *sums);
}

void sct_magnitudes_step(sct_magnitudes *net, const float *mel, const double *sums, size_t known,
                         double *out) {
    const size_t past = net->size - net->hop;
    receive(net, sums, known);
    memmove(net->magnitudes, net->magnitudes + net->bins,
            net->lookahead * net->bins * sizeof *net->magnitudes);
    fit(net, mel, net->magnitudes + net->lookahead * net->bins);
    for (size_t j = 0; j < net->hop; j++) out[j] = kept * net->audio[past + j];
    for (size_t i = 0; i <= net->lookahead && i * net->hop <= past; i++) {
        const size_t first = past - i * net->hop; /* of the due hop in frame i */
        project(net, net->audio + i * net->hop, net->magnitudes + i * net->bins);
        for (size_t j = 0; j < net->hop; j++)
            out[j] += net->frame[first + j] * (double)net->window[first + j];
    }
    for (size_t j = 0; j < net->hop; j++) out[j] /= net->weight[j];
}
