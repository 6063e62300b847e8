/* Samples at a recording's rate -> at the codec's, as a stream (secousti/audio/resample.py). */

#ifndef SCT_RESAMPLE_H
#define SCT_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

enum { SCT_RESAMPLE_MOST = 256 }; /* samples put in at once */

typedef struct {
    uint32_t orig, new; /* rates without their common factor */
    size_t width;       /* samples each side of one that comes out */
    float *taps;        /* [new, 2 width + 1]; NULL: the rates are equal */
    double *kept;       /* [room] the samples still needed */
    size_t room, count; /* how many are kept */
    int64_t first;      /* the index of the first that is kept; silence lies before 0 */
    int64_t received;
    int64_t centre;     /* of the next sample that comes out, rounded down */
    uint32_t rest;      /* what was lost by that, in 1 / new */
    uint32_t phase;     /* the row of taps of the next one */
} sct_resampler;

/* Both rates within SCT_MIN_RATE and SCT_MAX_RATE. End it even if it failed. */
_Bool sct_resampler_begin(sct_resampler *resampler, uint32_t from, uint32_t to, sct_fault *fault);
void sct_resampler_end(sct_resampler *resampler);
void sct_resampler_restart(sct_resampler *resampler);

/* Samples that `count` become: rounded up. */
int64_t sct_resampler_length(const sct_resampler *resampler, int64_t count);

/* Take in at most SCT_RESAMPLE_MOST samples, after all that was ready has been given. */
void sct_resampler_put(sct_resampler *resampler, const float *samples, size_t count);

/* At most `most` samples whose neighbours are known (all that are left, silence following, at the
   end); how many. */
size_t sct_resampler_give(sct_resampler *resampler, _Bool end, double *out, size_t most);

#endif
