/* One step of Griffin and Lim: the spectra of the mel's own windows keep their phase and take the
   magnitudes that fit the mel, of one stream (secousti/vocoder/overlap.py). */

#ifndef SCT_MAGNITUDES_H
#define SCT_MAGNITUDES_H

#include "fourier.h"
#include "weights.h"

enum { SCT_MOST_LOOKAHEAD = 16 };

typedef struct {
    size_t size, bins, hop, lookahead, mels; /* size: samples of a mel frame */
    const float *window;  /* [size] */
    double *taps;         /* of all mel filters, one after the other */
    uint32_t *first, *end; /* [mels], the bins of a filter's taps */
    sct_fourier fourier;
    double *audio;      /* [size + lookahead * hop], the past, the hop that is due, what is coming */
    double *magnitudes; /* [lookahead + 1, bins], the oldest first */
    double *weight;     /* [hop], of what is summed for a sample */
    double *bands, *spread, *found, *spectrum, *frame; /* scratch */
} sct_magnitudes;

/* End it even if it failed. */
_Bool sct_magnitudes_begin(sct_magnitudes *net, const sct_weights *weights, size_t mels,
                           size_t lookahead, sct_fault *fault);
void sct_magnitudes_end(sct_magnitudes *net);
void sct_magnitudes_restart(sct_magnitudes *net);

/* A frame mel[mels], and sums[known] of what was synthesised, from the hop that is due on ->
   that hop corrected, out[hop]. */
void sct_magnitudes_step(sct_magnitudes *net, const float *mel, const double *sums, size_t known,
                         double *out);

#endif
