/* The fundamental frequency of a log-mel, of one stream, in double precision: the phase of a pulse
   train is its running sum (secousti/vocoder/pitch.py). */

#ifndef SCT_PITCH_H
#define SCT_PITCH_H

#include "weights.h"

enum { SCT_PITCH_LAYERS = 4, SCT_PITCH_KERNEL = 5, SCT_PITCH_BINS = 128, SCT_PITCH_MOST = 1024 };

typedef struct {
    const float *weight, *bias; /* [outputs, inputs * kernel], [outputs] */
    size_t inputs, outputs;
    double *rows; /* [kernel, inputs], the newest last */
} sct_pitch_layer;

typedef struct {
    size_t mels, channels;
    sct_pitch_layer layers[SCT_PITCH_LAYERS];
    const float *out, *out_bias; /* [bins, channels], [bins] */
    const double *octaves;       /* [bins], log2 of Hz */
} sct_pitch;

/* End it even if it failed. */
_Bool sct_pitch_begin(sct_pitch *net, const sct_weights *weights, size_t mels, sct_fault *fault);
void sct_pitch_end(sct_pitch *net);
void sct_pitch_restart(sct_pitch *net);

/* A frame mel[mels] -> Hz. */
double sct_pitch_step(sct_pitch *net, const float *mel);

#endif
