/* Who speaks: a window of log-mel frames -> the codec's voice (secousti/paralinguistic/encoder.py). */

#ifndef SCT_SPEAKER_H
#define SCT_SPEAKER_H

#include "weights.h"

enum { SCT_SPEAKER_CONVS = 16 };

typedef struct {
    size_t inputs, outputs;
    float *weight;                                 /* [outputs, 3, inputs] */
    const float *bias, *mean, *variance, *gain, *shift; /* [outputs] */
} sct_speaker_conv;

typedef struct {
    size_t window, channels, voice_size, num_convs, squeezed; /* window: frames at most */
    sct_speaker_conv convs[SCT_SPEAKER_CONVS];
    const float *squeeze, *excite;                     /* [squeezed, C], [C, squeezed] */
    const float *in, *in_bias, *recurrent, *recurrent_bias; /* [3 V, C], [3 V], [3 V, V], [3 V] */
    float *frames;        /* [window, channels] */
    size_t count;         /* of frames */
    double *x, *y;        /* [window + 2, widest], scratch: a row of zeros at both ends */
    double *gates, *state; /* [window, 3 V]; [4 V], scratch */
    size_t widest;
} sct_speaker;

/* End it even if it failed. */
_Bool sct_speaker_begin(sct_speaker *speaker, const sct_weights *weights, size_t channels,
                        sct_fault *fault);
void sct_speaker_end(sct_speaker *speaker);

/* Frames of a whole recording from *first to *last, of `count`: its middle. */
void sct_speaker_window(const sct_speaker *speaker, int64_t count, int64_t *first, int64_t *last);

void sct_speaker_restart(sct_speaker *speaker);
/* Another frame [channels]; the window keeps the last ones. */
void sct_speaker_put(sct_speaker *speaker, const double *frame);

/* The voice of what is in the window, at least one frame: voice[voice_size], value * 127. */
void sct_speaker_voice(sct_speaker *speaker, int8_t *voice);

#endif
