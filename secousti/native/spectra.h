/* From the backbone's features to the spectrum of a synthesis frame, of one stream
   (secousti/vocoder/causal_istft.py): pulses and noise, each filtered, or magnitude and phase
   as they are predicted. */

#ifndef SCT_SPECTRA_H
#define SCT_SPECTRA_H

#include "fourier.h"
#include "pitch.h"
#include "pulses.h"

typedef struct {
    size_t mels, channels, size, bins, hop; /* size: samples of a synthesis frame */
    _Bool harmonic;
    const float *filters, *filters_bias;   /* [3 or 2 bins, channels], [3 or 2 bins] */
    const float *envelope, *envelope_bias; /* [2 bins, mels], [2 bins] */
    const float *noise;                    /* [noise_frames, bins, 2] */
    const float *window;                   /* [size] */
    size_t noise_frames, noise_at;
    sct_pitch pitch;
    sct_pulses pulses;
    sct_fourier fourier;
    float *excitation; /* [size], the last samples of the pulse train */
    float *made;       /* [5 bins], scratch */
    double *signal;    /* [size or 2 hop], scratch */
    double *polar;     /* [4 bins], scratch */
} sct_spectra;

/* End it even if it failed. */
_Bool sct_spectra_begin(sct_spectra *head, const sct_weights *weights, size_t mels, size_t channels,
                     sct_fault *fault);
void sct_spectra_end(sct_spectra *head);
void sct_spectra_restart(sct_spectra *head);

/* features[channels] and mel[mels] of a frame -> spectrum[bins, 2]. */
void sct_spectra_step(sct_spectra *head, const float *features, const float *mel, double *spectrum);

#endif
