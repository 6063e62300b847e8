#include "pitch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "functions.h"
#include "wide.h"

enum { NAME = 96, KERNEL = SCT_PITCH_KERNEL, LARGEST = SCT_PITCH_MOST };
#define PREFIX "vocoder.head.pitch."

static _Bool begin_layer(sct_pitch *net, size_t index, const sct_weights *weights,
                         sct_fault *fault) {
    char name[NAME];
    sct_pitch_layer *layer = net->layers + index;
    layer->inputs = index ? net->channels : net->mels, layer->outputs = net->channels;
    snprintf(name, sizeof name, PREFIX "convs.%zu.linear.weight", index);
    layer->weight = sct_weights_find(
        weights, name, SCT_F32,
        SCT_SHAPE((uint32_t)layer->outputs, (uint32_t)layer->inputs * KERNEL), fault);
    if (!layer->weight) return 0;
    snprintf(name, sizeof name, PREFIX "convs.%zu.linear.bias", index);
    layer->bias = sct_weights_find(weights, name, SCT_F32, SCT_SHAPE((uint32_t)layer->outputs), fault);
    if (!layer->bias) return 0;
    layer->rows = calloc(KERNEL * layer->inputs, sizeof *layer->rows);
    return layer->rows || sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

_Bool sct_pitch_begin(sct_pitch *net, const sct_weights *weights, size_t mels, sct_fault *fault) {
    int32_t channels;
    *net = (sct_pitch){.mels = mels};
    if (mels > LARGEST) return sct_fail(fault, SCT_REFUSED, "%zu mel bands are too many", mels);
    if (!sct_weights_number(weights, "config.vocoder.causal_istft.pitch_channels", 1, LARGEST,
                            &channels, fault))
        return 0;
    net->channels = (size_t)channels;
    for (size_t i = 0; i < SCT_PITCH_LAYERS; i++)
        if (!begin_layer(net, i, weights, fault)) return 0;
    net->out = sct_weights_find(weights, PREFIX "out.weight", SCT_F32,
                                SCT_SHAPE(SCT_PITCH_BINS, (uint32_t)channels), fault);
    if (!net->out) return 0;
    net->out_bias = sct_weights_find(weights, PREFIX "out.bias", SCT_F32, SCT_SHAPE(SCT_PITCH_BINS),
                                     fault);
    if (!net->out_bias) return 0;
    net->octaves = sct_weights_find(weights, "derived.octaves", SCT_F64, SCT_SHAPE(SCT_PITCH_BINS),
                                    fault);
    return net->octaves != NULL;
}

void sct_pitch_end(sct_pitch *net) {
    for (size_t i = 0; i < SCT_PITCH_LAYERS; i++) free(net->layers[i].rows);
    *net = (sct_pitch){0};
}

void sct_pitch_restart(sct_pitch *net) {
    for (size_t i = 0; i < SCT_PITCH_LAYERS; i++) {
        sct_pitch_layer *layer = net->layers + i;
        memset(layer->rows, 0, KERNEL * layer->inputs * sizeof *layer->rows);
    }
}

/* x[inputs] -> y[outputs], going on after the rows before. */
static void convolve(sct_pitch_layer *layer, const double *x, double *y) {
    const size_t inputs = layer->inputs;
    double window[KERNEL * LARGEST];
    memmove(layer->rows, layer->rows + inputs, (KERNEL - 1) * inputs * sizeof *x);
    memcpy(layer->rows + (KERNEL - 1) * inputs, x, inputs * sizeof *x);
    for (size_t c = 0; c < inputs; c++)
        for (size_t k = 0; k < KERNEL; k++) window[c * KERNEL + k] = layer->rows[k * inputs + c];
    sct_wide_linear(layer->weight, layer->bias, KERNEL * inputs, layer->outputs, window,
                    KERNEL * inputs, 1, y);
}

/* The mean of the distribution over log-spaced bins; a mean has no jumps. */
static double fundamental(const sct_pitch *net, double *scores) {
    double octaves = 0;
    sct_wide_softmax(scores, SCT_PITCH_BINS);
    for (size_t i = 0; i < SCT_PITCH_BINS; i++) octaves += scores[i] * net->octaves[i];
    return wide_exp_of(octaves * 0.6931471805599453);
}

double sct_pitch_step(sct_pitch *net, const float *mel) {
    double x[LARGEST], y[LARGEST], scores[SCT_PITCH_BINS];
    for (size_t i = 0; i < net->mels; i++) y[i] = (double)mel[i];
    sct_wide_norm(NULL, NULL, net->mels, y, x); /* the pattern of harmonics counts, not the level */
    for (size_t i = 0; i < SCT_PITCH_LAYERS; i++) {
        convolve(net->layers + i, x, y);
        sct_wide_norm(NULL, NULL, net->channels, y, y);
        sct_wide_gelu(y, net->channels);
        for (size_t c = 0; c < net->channels; c++) x[c] = i ? x[c] + y[c] : y[c];
    }
    sct_wide_norm(NULL, NULL, net->channels, x, x);
    sct_wide_linear(net->out, net->out_bias, net->channels, SCT_PITCH_BINS, x, net->channels, 1,
                    scores);
    return fundamental(net, scores);
}
