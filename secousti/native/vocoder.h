/* Log-mel frames -> audio, of one stream, some frames late (secousti/vocoder/causal_istft.py). */

#ifndef SCT_VOCODER_H
#define SCT_VOCODER_H

#include "backbone.h"
#include "spectra.h"
#include "magnitudes.h"

typedef struct {
    size_t mels, hop, lookahead, most;
    size_t size;           /* samples of a synthesis frame */
    _Bool projects;
    const float *window;   /* [size], of the synthesis */
    sct_backbone backbone;
    sct_spectra head;
    sct_magnitudes magnitudes;
    float *shifted, *features; /* scratch */
    double *spectrum;          /* [size / 2 + 1, 2] */
    double *sums;   /* [size + hop], what the frames so far give from the hop that is due on */
    double *frame;  /* [size], scratch */
    double *due;    /* [hop] */
} sct_vocoder;

/* At most `most` frames at once. End it even if it failed. */
_Bool sct_vocoder_begin(sct_vocoder *vocoder, const sct_weights *weights, size_t mels, size_t most,
                        sct_fault *fault);
void sct_vocoder_end(sct_vocoder *vocoder);
void sct_vocoder_restart(sct_vocoder *vocoder);

/* mel[count, mels] -> audio[count * hop], which is that of `lookahead` frames before. */
void sct_vocoder_step(sct_vocoder *vocoder, const float *mel, size_t count, float *audio);

/* The mel of silence. */
extern const float sct_silence;

#endif
