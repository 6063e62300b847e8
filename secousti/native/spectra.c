#include "spectra.h"

#include <stdlib.h>
#include <string.h>

#include "narrow.h"
#include "wide.h"

enum { MOST_FRAME = 8192, MOST_NOISE = 1 << 16, MOST_RATE = 768000 };
#define PREFIX "vocoder.head."

static const float most_log = 6; /* of a predicted log magnitude: a wrong step must not blow up */

static _Bool find_sizes(sct_spectra *head, const sct_weights *weights, sct_fault *fault) {
    static const char source[] = "config.vocoder.causal_istft.source";
    int32_t size, hop, rate;
    if (!sct_weights_number(weights, "config.vocoder.causal_istft.n_fft", 4, MOST_FRAME, &size,
                            fault) ||
        !sct_weights_number(weights, "config.mel.hop_length", 1, size, &hop, fault) ||
        !sct_weights_number(weights, "config.mel.sample_rate", 1000, MOST_RATE, &rate, fault))
        return 0;
    head->size = (size_t)size, head->bins = head->size / 2 + 1, head->hop = (size_t)hop;
    head->harmonic = sct_weights_says(weights, source, "harmonic");
    head->pulses = (sct_pulses){.sample_rate = rate, .hop = head->hop};
    return head->harmonic || sct_weights_says(weights, source, "none") ||
           sct_fail(fault, SCT_REFUSED, "the vocoder has another source than this program knows");
}

static _Bool find_noise(sct_spectra *head, const sct_weights *weights, sct_fault *fault) {
    uint32_t shape[SCT_MOST_DIMS];
    int dims;
    const char *name = PREFIX "noise.table";
    head->noise = sct_weights_find(weights, name, SCT_F32,
                                   SCT_SHAPE(SCT_ANY, (uint32_t)head->bins, 2), fault);
    if (!head->noise) return 0;
    sct_weights_shape(weights, name, shape, &dims);
    head->noise_frames = shape[0];
    return 1;
}

static _Bool find_harmonic(sct_spectra *head, const sct_weights *weights, sct_fault *fault) {
    const uint32_t bins = (uint32_t)head->bins, channels = (uint32_t)head->channels;
#define FIND(to, name, ...) \
    (to = sct_weights_find(weights, PREFIX name, SCT_F32, SCT_SHAPE(__VA_ARGS__), fault))
    return FIND(head->filters, "filters.weight", 3 * bins, channels) &&
           FIND(head->filters_bias, "filters.bias", 3 * bins) &&
           FIND(head->envelope, "envelope.weight", 2 * bins, (uint32_t)head->mels) &&
           FIND(head->envelope_bias, "envelope.bias", 2 * bins) &&
           FIND(head->window, "window", (uint32_t)head->size) && find_noise(head, weights, fault) &&
           sct_pitch_begin(&head->pitch, weights, head->mels, fault);
}

static _Bool find_phase(sct_spectra *head, const sct_weights *weights, sct_fault *fault) {
    const uint32_t bins = (uint32_t)head->bins, channels = (uint32_t)head->channels;
    return FIND(head->filters, "out.weight", 2 * bins, channels) &&
           FIND(head->filters_bias, "out.bias", 2 * bins);
#undef FIND
}

_Bool sct_spectra_begin(sct_spectra *head, const sct_weights *weights, size_t mels, size_t channels,
                     sct_fault *fault) {
    *head = (sct_spectra){.mels = mels, .channels = channels};
    if (!find_sizes(head, weights, fault) ||
        !(head->harmonic ? find_harmonic : find_phase)(head, weights, fault) ||
        !sct_fourier_begin(&head->fourier, head->size, fault))
        return 0;
    const size_t signal = head->size > 2 * head->hop ? head->size : 2 * head->hop;
    head->excitation = calloc(head->size, sizeof *head->excitation);
    head->made = malloc(5 * head->bins * sizeof *head->made);
    head->signal = malloc(signal * sizeof *head->signal);
    head->polar = malloc(4 * head->bins * sizeof *head->polar);
    return (head->excitation && head->made && head->signal && head->polar) ||
           sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

void sct_spectra_end(sct_spectra *head) {
    sct_pitch_end(&head->pitch);
    sct_fourier_end(&head->fourier);
    free(head->excitation);
    free(head->made);
    free(head->signal);
    free(head->polar);
    *head = (sct_spectra){0};
}

void sct_spectra_restart(sct_spectra *head) {
    if (head->harmonic) sct_pitch_restart(&head->pitch);
    memset(head->excitation, 0, head->size * sizeof *head->excitation);
    head->pulses.before = 0;
    head->pulses.phase = 0;
    head->noise_at = 0;
}

/* The last `size` samples of the pulse train, windowed, as a spectrum. */
static void excite(sct_spectra *head, const float *mel, double *spectrum) {
    const size_t past = head->size - head->hop;
    memmove(head->excitation, head->excitation + head->hop, past * sizeof *head->excitation);
    sct_pulses_step(&head->pulses, sct_pitch_step(&head->pitch, mel), head->signal,
                    head->excitation + past);
    for (size_t i = 0; i < head->size; i++)
        head->signal[i] = (double)(head->excitation[i] * head->window[i]);
    sct_fourier_spectrum(&head->fourier, head->signal, spectrum);
}

/* Log magnitudes, limited. */
static void limited(const float *a, const float *b, size_t bins, double *out) {
    for (size_t k = 0; k < bins; k++) {
        const float sum = b ? a[k] + b[k] : a[k];
        out[k] = (double)(sum > most_log ? most_log : sum);
    }
}

/* head->polar[bins] e to log magnitudes, and sines and cosines of phases after them. */
static void polar(sct_spectra *head, const float *log, const float *base, const float *phase) {
    const size_t bins = head->bins;
    double *angles = head->polar + bins, *cosines = angles + bins;
    limited(log, base, bins, head->polar);
    sct_wide_powers(head->polar, bins);
    for (size_t k = 0; k < bins; k++) cosines[k] = (double)phase[k];
    sct_wide_turns(cosines, bins, angles, cosines);
}

/* spectrum = E exp(a + i p) + N exp(b). */
static void filter(sct_spectra *head, const float *features, const float *mel, double *spectrum) {
    const size_t bins = head->bins;
    float *base = head->made + 3 * bins;
    sct_narrow_linear(head->filters, head->filters_bias, head->channels, 3 * bins, features, 1,
                      head->made);
    sct_narrow_linear(head->envelope, head->envelope_bias, head->mels, 2 * bins, mel, 1, base);
    polar(head, head->made, base, head->made + bins);
    const double *size = head->polar, *sine = size + bins, *cosine = sine + bins;
    double *loud = head->polar + 3 * bins;
    limited(head->made + 2 * bins, base + bins, bins, loud);
    sct_wide_powers(loud, bins);
    const float *noise = head->noise + 2 * bins * head->noise_at;
    for (size_t k = 0; k < bins; k++) {
        const double re = spectrum[2 * k], im = spectrum[2 * k + 1];
        const double c = size[k] * cosine[k], s = size[k] * sine[k];
        spectrum[2 * k] = re * c - im * s + (double)noise[2 * k] * loud[k];
        spectrum[2 * k + 1] = re * s + im * c + (double)noise[2 * k + 1] * loud[k];
    }
    head->noise_at = (head->noise_at + 1) % head->noise_frames;
}

void sct_spectra_step(sct_spectra *head, const float *features, const float *mel,
                      double *spectrum) {
    const size_t bins = head->bins;
    if (head->harmonic) {
        excite(head, mel, spectrum);
        filter(head, features, mel, spectrum);
        return;
    }
    sct_narrow_linear(head->filters, head->filters_bias, head->channels, 2 * bins, features, 1,
                      head->made);
    polar(head, head->made, NULL, head->made + bins);
    for (size_t k = 0; k < bins; k++) {
        spectrum[2 * k] = head->polar[k] * head->polar[2 * bins + k];
        spectrum[2 * k + 1] = head->polar[k] * head->polar[bins + k];
    }
}
