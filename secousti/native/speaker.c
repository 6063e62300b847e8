#include "speaker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "wide.h"

enum { NAME = 96, KERNEL = 3, MOST_CHANNELS = 4096, MOST_WINDOW = 1 << 13, STEPS = 127 };
#define PREFIX "paralinguistic."
static const double norm_epsilon = 1e-5;

static const float *find(const sct_weights *weights, const char *name, size_t rows, size_t columns,
                         sct_fault *fault) {
    const uint32_t shape[] = {(uint32_t)rows, (uint32_t)columns};
    return sct_weights_find(weights, name, SCT_F32, shape, columns ? 2 : 1, fault);
}

static const float *find_part(const sct_weights *weights, const char *layer, size_t i,
                              const char *part, size_t size, sct_fault *fault) {
    char name[NAME];
    snprintf(name, sizeof name, PREFIX "%s.%zu.%s", layer, i, part);
    return find(weights, name, size, 0, fault);
}

static const float *find_conv(sct_speaker_conv *conv, const sct_weights *weights, size_t i,
                              sct_fault *fault) {
    char name[NAME];
    snprintf(name, sizeof name, PREFIX "convs.%zu.weight", i);
    const float *weight = sct_weights_find(
        weights, name, SCT_F32,
        SCT_SHAPE((uint32_t)conv->outputs, (uint32_t)conv->inputs, KERNEL), fault);
    const size_t size = conv->outputs;
    if (weight && (conv->bias = find_part(weights, "convs", i, "bias", size, fault)) &&
        (conv->mean = find_part(weights, "norms", i, "running_mean", size, fault)) &&
        (conv->variance = find_part(weights, "norms", i, "running_var", size, fault)) &&
        (conv->gain = find_part(weights, "norms", i, "weight", size, fault)) &&
        (conv->shift = find_part(weights, "norms", i, "bias", size, fault)))
        return weight;
    return NULL;
}

/* [outputs, inputs, 3] -> [outputs, 3, inputs]: then three neighbouring frames are one vector. */
static _Bool begin_conv(sct_speaker_conv *conv, const sct_weights *weights, size_t i,
                        sct_fault *fault) {
    const float *weight = find_conv(conv, weights, i, fault);
    if (!weight) return 0;
    float *to = conv->weight = malloc(conv->outputs * KERNEL * conv->inputs * sizeof *to);
    if (!to) return sct_fail(fault, SCT_NO_MEMORY, "no memory for the voice");
    for (size_t o = 0; o < conv->outputs; o++, weight += KERNEL * conv->inputs)
        for (size_t k = 0; k < KERNEL; k++)
            for (size_t c = 0; c < conv->inputs; c++) *to++ = weight[c * KERNEL + k];
    return 1;
}

static _Bool begin_convs(sct_speaker *speaker, const sct_weights *weights, sct_fault *fault) {
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    const char *name = "config.paralinguistic.conv_channels";
    const int32_t *sizes = sct_weights_find(weights, name, SCT_I32, SCT_SHAPE(SCT_ANY), fault);
    if (!sizes) return 0;
    sct_weights_shape(weights, name, shape, &dims);
    size_t width = speaker->widest = speaker->channels;
    for (size_t i = 0; i < shape[0]; i++, speaker->num_convs++) {
        if (i >= SCT_SPEAKER_CONVS || sizes[i] < 1 || sizes[i] > MOST_CHANNELS)
            return sct_fail(fault, SCT_REFUSED, "%s are out of range", name);
        speaker->convs[i] = (sct_speaker_conv){.inputs = width, .outputs = (size_t)sizes[i]};
        if (!begin_conv(&speaker->convs[i], weights, i, fault)) return 0;
        width = (size_t)sizes[i];
        if (width > speaker->widest) speaker->widest = width;
    }
    return 1;
}

static _Bool find_sizes(sct_speaker *speaker, const sct_weights *weights, sct_fault *fault) {
    int32_t size, reduction, window;
    if (!sct_weights_number(weights, "config.paralinguistic.hidden_size", 1, SCT_MAX_VOICE, &size,
                            fault) ||
        !sct_weights_number(weights, "config.paralinguistic.window_frames", 2, MOST_WINDOW,
                            &window, fault) ||
        !sct_weights_number(weights, "config.paralinguistic.se_reduction", 1, MOST_CHANNELS,
                            &reduction, fault))
        return 0;
    speaker->voice_size = (size_t)size, speaker->window = (size_t)window;
    speaker->squeezed = (size_t)reduction;
    return 1;
}

static _Bool find_rest(sct_speaker *speaker, const sct_weights *weights, sct_fault *fault) {
    const size_t size = speaker->voice_size;
    const size_t width =
        speaker->num_convs ? speaker->convs[speaker->num_convs - 1].outputs : speaker->channels;
    const size_t squeezed = speaker->squeezed = width / speaker->squeezed;
    if (!squeezed) return sct_fail(fault, SCT_REFUSED, "the voice's gate has no channels");
    return (speaker->squeeze = find(weights, PREFIX "se.squeeze.weight", squeezed, width, fault)) &&
           (speaker->excite = find(weights, PREFIX "se.excite.weight", width, squeezed, fault)) &&
           (speaker->in = find(weights, PREFIX "gru.weight_ih_l0", 3 * size, width, fault)) &&
           (speaker->in_bias = find(weights, PREFIX "gru.bias_ih_l0", 3 * size, 0, fault)) &&
           (speaker->recurrent = find(weights, PREFIX "gru.weight_hh_l0", 3 * size, size,
                                      fault)) &&
           (speaker->recurrent_bias = find(weights, PREFIX "gru.bias_hh_l0", 3 * size, 0, fault));
}

_Bool sct_speaker_begin(sct_speaker *speaker, const sct_weights *weights, size_t channels,
                        sct_fault *fault) {
    *speaker = (sct_speaker){.channels = channels};
    if (!find_sizes(speaker, weights, fault) || !begin_convs(speaker, weights, fault) ||
        !find_rest(speaker, weights, fault))
        return 0;
    const size_t rows = speaker->window + 2, size = speaker->voice_size;
    speaker->frames = malloc(speaker->window * channels * sizeof *speaker->frames);
    speaker->x = malloc(rows * speaker->widest * sizeof *speaker->x);
    speaker->y = malloc(rows * speaker->widest * sizeof *speaker->y);
    speaker->gates = malloc(speaker->window * 3 * size * sizeof *speaker->gates);
    speaker->state = malloc(4 * size * sizeof *speaker->state);
    if (speaker->frames && speaker->x && speaker->y && speaker->gates && speaker->state) return 1;
    return sct_fail(fault, SCT_NO_MEMORY, "no memory for the voice");
}

void sct_speaker_end(sct_speaker *speaker) {
    for (size_t i = 0; i < SCT_SPEAKER_CONVS; i++) free(speaker->convs[i].weight);
    free(speaker->frames);
    free(speaker->x);
    free(speaker->y);
    free(speaker->gates);
    free(speaker->state);
    *speaker = (sct_speaker){0};
}

void sct_speaker_window(const sct_speaker *speaker, int64_t count, int64_t *first, int64_t *last) {
    const int64_t half = (int64_t)speaker->window / 2;
    *first = count / 2 > half ? count / 2 - half : 0;
    *last = count / 2 + half < count ? count / 2 + half : count;
}

void sct_speaker_restart(sct_speaker *speaker) { speaker->count = 0; }

void sct_speaker_put(sct_speaker *speaker, const double *frame) {
    const size_t channels = speaker->channels;
    if (speaker->count == speaker->window) {
        speaker->count--;
        memmove(speaker->frames, speaker->frames + channels,
                speaker->count * channels * sizeof *speaker->frames);
    }
    float *to = speaker->frames + speaker->count++ * channels;
    for (size_t i = 0; i < channels; i++) to[i] = (float)frame[i];
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* speaker->x[1 .. count] -> the same, through a convolution, its norm and a ReLU. */
static void convolve(sct_speaker *speaker, const sct_speaker_conv *conv) {
    const size_t count = speaker->count, inputs = conv->inputs, outputs = conv->outputs;
    memset(speaker->x, 0, inputs * sizeof *speaker->x);
    memset(speaker->x + (count + 1) * inputs, 0, inputs * sizeof *speaker->x);
    sct_wide_linear(conv->weight, conv->bias, KERNEL * inputs, outputs, speaker->x, inputs, count,
                    speaker->y + outputs);
    for (size_t o = 0; o < outputs; o++) {
        const double scale = (double)conv->gain[o] / sqrt((double)conv->variance[o] + norm_epsilon);
        for (size_t row = 1; row <= count; row++) {
            double *y = speaker->y + row * outputs + o;
            *y = (*y - (double)conv->mean[o]) * scale + (double)conv->shift[o];
            if (*y < 0) *y = 0;
        }
    }
    double *done = speaker->y;
    speaker->y = speaker->x, speaker->x = done;
}

/* Each channel louder by what its mean and that of others say: x * gate + x. */
static void excite(sct_speaker *speaker, size_t width) {
    double *x = speaker->x + width, *mean = speaker->y, *hidden = mean + width;
    double *gate = hidden + speaker->squeezed;
    memset(mean, 0, width * sizeof *mean);
    for (size_t row = 0; row < speaker->count; row++)
        for (size_t c = 0; c < width; c++) mean[c] += x[row * width + c];
    for (size_t c = 0; c < width; c++) mean[c] /= (double)speaker->count;
    sct_wide_linear(speaker->squeeze, NULL, width, speaker->squeezed, mean, width, 1, hidden);
    for (size_t i = 0; i < speaker->squeezed; i++) hidden[i] = hidden[i] < 0 ? 0 : hidden[i];
    sct_wide_linear(speaker->excite, NULL, speaker->squeezed, width, hidden, speaker->squeezed, 1,
                    gate);
    for (size_t row = 0; row < speaker->count; row++)
        for (size_t c = 0; c < width; c++) x[row * width + c] *= 1 + sigmoid(gate[c]);
}

/* The GRU over speaker->gates, what its inputs give it; its last state is speaker->state[V]. */
static void recur(sct_speaker *speaker) {
    const size_t size = speaker->voice_size;
    double *h = speaker->state, *from = h + size;
    memset(h, 0, size * sizeof *h);
    for (size_t row = 0; row < speaker->count; row++) {
        const double *in = speaker->gates + row * 3 * size;
        sct_wide_linear(speaker->recurrent, speaker->recurrent_bias, size, 3 * size, h, size, 1,
                        from);
        for (size_t i = 0; i < size; i++) {
            const double reset = sigmoid(in[i] + from[i]);
            const double update = sigmoid(in[size + i] + from[size + i]);
            const double new = tanh(in[2 * size + i] + reset * from[2 * size + i]);
            h[i] = (1 - update) * new + update * h[i];
        }
    }
}

void sct_speaker_voice(sct_speaker *speaker, int8_t *voice) {
    const size_t count = speaker->count, size = speaker->voice_size;
    size_t width = speaker->channels;
    for (size_t i = 0; i < count * width; i++)
        speaker->x[width + i] = (double)speaker->frames[i];
    for (size_t i = 0; i < speaker->num_convs; i++) convolve(speaker, &speaker->convs[i]);
    if (speaker->num_convs) width = speaker->convs[speaker->num_convs - 1].outputs;
    excite(speaker, width);
    sct_wide_linear(speaker->in, speaker->in_bias, width, 3 * size, speaker->x + width, width,
                    count, speaker->gates);
    recur(speaker);
    for (size_t i = 0; i < size; i++) /* within [-1, 1], as tanh is; NaN of damaged weights: 0 */
        voice[i] = (int8_t)(speaker->state[i] == speaker->state[i]
                                ? rintf((float)speaker->state[i] * STEPS)
                                : 0);
}
