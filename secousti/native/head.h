/* From the backbone's features to the spectrum of a synthesis frame, of one stream
   (secousti/vocoder/causal_istft.py): pulses and noise, each filtered, or magnitude and phase
   as they are predicted. */

#ifndef SCT_HEAD_H
#define SCT_HEAD_H

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
} sct_head;

/* End it even if it failed. */
_Bool sct_head_begin(sct_head *head, const sct_weights *weights, size_t mels, size_t channels,
                     sct_fault *fault);
void sct_head_end(sct_head *head);
void sct_head_restart(sct_head *head);

/* features[channels] and mel[mels] of a frame -> spectrum[bins, 2]. */
void sct_head_step(sct_head *head, const float *features, const float *mel, double *spectrum);

#endif
