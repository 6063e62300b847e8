#include "logmel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "wide.h"

static const double log_floor = 1e-5, power_floor = 1e-9;

static _Bool find(sct_logmel *mel, const sct_weights *weights, uint32_t size, sct_fault *fault) {
    int32_t hop, channels;
    if (!sct_weights_number(weights, "config.mel.hop_length", 1, (int32_t)size, &hop, fault) ||
        !sct_weights_number(weights, "config.mel.n_mels", 1, 1024, &channels, fault))
        return 0;
    mel->hop = (size_t)hop, mel->channels = (size_t)channels;
    mel->window = sct_weights_find(weights, "mel.window", SCT_F32, SCT_SHAPE(size), fault);
    if (!mel->window) return 0;
    mel->filters = sct_weights_find(weights, "mel.filters", SCT_F32,
                                    SCT_SHAPE((uint32_t)channels, size / 2 + 1), fault);
    return mel->filters != NULL;
}

_Bool sct_logmel_begin(sct_logmel *mel, const sct_weights *weights, sct_fault *fault) {
    int32_t size;
    *mel = (sct_logmel){0};
    if (!sct_weights_number(weights, "config.mel.n_fft", 4, 1 << 16, &size, fault) ||
        !find(mel, weights, (uint32_t)size, fault) ||
        !sct_fourier_begin(&mel->fourier, (size_t)size, fault))
        return 0;
    mel->samples = malloc((size_t)size * sizeof *mel->samples);
    mel->windowed = malloc((size_t)size * sizeof *mel->windowed);
    mel->magnitude = malloc(((size_t)size / 2 + 1) * sizeof *mel->magnitude);
    if (!mel->samples || !mel->windowed || !mel->magnitude)
        return sct_fail(fault, SCT_NO_MEMORY, "no memory for the log-mel");
    sct_logmel_restart(mel);
    return 1;
}

void sct_logmel_end(sct_logmel *mel) {
    sct_fourier_end(&mel->fourier);
    free(mel->samples);
    free(mel->windowed);
    free(mel->magnitude);
    *mel = (sct_logmel){0};
}

void sct_logmel_restart(sct_logmel *mel) {
    mel->filled = mel->fourier.size - mel->hop;
    memset(mel->samples, 0, mel->filled * sizeof *mel->samples);
}

size_t sct_logmel_lacks(const sct_logmel *mel) { return mel->fourier.size - mel->filled; }

size_t sct_logmel_put(sct_logmel *mel, const double *samples, size_t count) {
    const size_t lacks = sct_logmel_lacks(mel), taken = count < lacks ? count : lacks;
    memcpy(mel->samples + mel->filled, samples, taken * sizeof *samples);
    mel->filled += taken;
    return taken;
}

void sct_logmel_frame(sct_logmel *mel, double *frame) {
    const size_t size = mel->fourier.size, bins = size / 2 + 1, overlap = size - mel->hop;
    for (size_t i = 0; i < size; i++) mel->windowed[i] = mel->samples[i] * (double)mel->window[i];
    sct_fourier_power(&mel->fourier, mel->windowed, mel->magnitude);
    for (size_t i = 0; i < bins; i++) mel->magnitude[i] = sqrt(mel->magnitude[i] + power_floor);
    sct_wide_linear(mel->filters, NULL, bins, mel->channels, mel->magnitude, bins, 1, frame);
    for (size_t i = 0; i < mel->channels; i++)
        frame[i] = log(frame[i] < log_floor ? log_floor : frame[i]);
    memmove(mel->samples, mel->samples + mel->hop, overlap * sizeof *mel->samples);
    mel->filled = overlap;
}
