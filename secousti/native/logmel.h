/* The causal log-mel of one stream (secousti/audio/mel.py): frame t ends with sample hop (t + 1). */

#ifndef SCT_LOGMEL_H
#define SCT_LOGMEL_H

#include "fourier.h"
#include "weights.h"

typedef struct {
    sct_fourier fourier;
    size_t hop, channels;
    const float *filters; /* [channels, size / 2 + 1] */
    const float *window;  /* [size] */
    double *samples;      /* [size] those of the next frame */
    double *windowed;     /* [size], scratch */
    double *magnitude;    /* [size / 2 + 1], scratch */
    size_t filled;        /* of `samples` */
} sct_logmel;

/* Only of a causal mel. End it even if it failed. */
_Bool sct_logmel_begin(sct_logmel *mel, const sct_weights *weights, sct_fault *fault);
void sct_logmel_end(sct_logmel *mel);
void sct_logmel_restart(sct_logmel *mel);

/* Take in samples up to the end of a frame; how many. */
size_t sct_logmel_put(sct_logmel *mel, const double *samples, size_t count);
/* Samples that the frame still lacks. */
size_t sct_logmel_lacks(const sct_logmel *mel);
/* The frame [channels] that lacks none, and on to the next. */
void sct_logmel_frame(sct_logmel *mel, double *frame);

#endif
