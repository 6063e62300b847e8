#include "resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CROSSINGS = 6 }; /* of zero, each side */
static const double rolloff = 0.99, pi = 3.14159265358979323846;

static uint32_t common_factor(uint32_t a, uint32_t b) {
    while (b) {
        const uint32_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

static double lesser(double a, double b) { return a < b ? a : b; }

/* A Hann-windowed sinc. The phase is rounded to float and all else is double, because so it is
   where the weights come from (torchaudio). */
static float tap(const sct_resampler *resampler, uint32_t phase, int64_t input) {
    const double cutoff = lesser(resampler->orig, resampler->new) * rolloff;
    const float behind = -(float)phase / (float)resampler->new;
    double t = ((double)behind + (double)input / (double)resampler->orig) * cutoff;
    t = t < -CROSSINGS ? -CROSSINGS : lesser(t, CROSSINGS);
    const double window = cos(t * pi / CROSSINGS / 2);
    t *= pi;
    const double sinc = t == 0 ? 1 : sin(t) / t;
    return (float)(sinc * (window * window * (cutoff / resampler->orig)));
}

static void fill(sct_resampler *resampler) {
    const size_t size = 2 * resampler->width + 1;
    for (uint32_t phase = 0; phase < resampler->new; phase++) {
        const int64_t centre = (int64_t)phase * resampler->orig / resampler->new;
        for (size_t i = 0; i < size; i++)
            resampler->taps[phase * size + i] =
                tap(resampler, phase, centre + (int64_t)i - (int64_t)resampler->width);
    }
}

_Bool sct_resampler_begin(sct_resampler *resampler, uint32_t from, uint32_t to, sct_fault *fault) {
    const uint32_t common = common_factor(from, to);
    *resampler = (sct_resampler){.orig = from / common, .new = to / common};
    if (from == to) resampler->room = SCT_RESAMPLE_MOST;
    else {
        const double cutoff = lesser(resampler->orig, resampler->new) * rolloff;
        resampler->width = (size_t)ceil(CROSSINGS * (double)resampler->orig / cutoff);
        const size_t size = 2 * resampler->width + 1;
        /* What is kept begins with the first neighbour of the next sample that comes out. */
        resampler->room = size + SCT_RESAMPLE_MOST;
        resampler->taps = malloc(resampler->new * size * sizeof *resampler->taps);
    }
    resampler->kept = malloc(resampler->room * sizeof *resampler->kept);
    if (!resampler->kept || (from != to && !resampler->taps))
        return sct_fail(fault, SCT_NO_MEMORY, "no memory to resample from %u Hz", from);
    if (resampler->taps) fill(resampler);
    sct_resampler_restart(resampler);
    return 1;
}

void sct_resampler_end(sct_resampler *resampler) {
    free(resampler->taps);
    free(resampler->kept);
    *resampler = (sct_resampler){0};
}

void sct_resampler_restart(sct_resampler *resampler) {
    resampler->first = -(int64_t)resampler->width;
    resampler->count = resampler->width;
    memset(resampler->kept, 0, resampler->count * sizeof *resampler->kept);
    resampler->received = resampler->centre = 0;
    resampler->rest = resampler->phase = 0;
}

int64_t sct_resampler_length(const sct_resampler *resampler, int64_t count) {
    const int64_t orig = resampler->orig, new = resampler->new;
    return count / orig * new + (count % orig * new + orig - 1) / orig;
}

/* Forget what lies before the first neighbour of the next sample that comes out; that one may not
   be there yet where rates fall. */
static void drop(sct_resampler *resampler) {
    int64_t done = resampler->centre - (int64_t)resampler->width - resampler->first;
    if (done > (int64_t)resampler->count) done = (int64_t)resampler->count;
    resampler->count -= (size_t)done;
    resampler->first += done;
    memmove(resampler->kept, resampler->kept + done, resampler->count * sizeof *resampler->kept);
}

void sct_resampler_put(sct_resampler *resampler, const float *samples, size_t count) {
    drop(resampler);
    for (size_t i = 0; i < count; i++) resampler->kept[resampler->count++] = (double)samples[i];
    resampler->received += (int64_t)count;
}

/* The sum over those neighbours that are there; the rest is silence after the end. */
static double next(const sct_resampler *resampler) {
    const size_t size = 2 * resampler->width + 1;
    const float *taps = resampler->taps + resampler->phase * size;
    const int64_t at = resampler->centre - (int64_t)resampler->width - resampler->first;
    const int64_t there = (int64_t)resampler->count - at;
    double sum = 0;
    for (int64_t i = 0; i < there && i < (int64_t)size; i++)
        sum += (double)taps[i] * resampler->kept[at + i];
    return sum;
}

static void advance(sct_resampler *resampler) {
    const uint64_t sum = (uint64_t)resampler->rest + resampler->orig;
    resampler->centre += (int64_t)(sum / resampler->new);
    resampler->rest = (uint32_t)(sum % resampler->new);
    if (++resampler->phase == resampler->new) resampler->phase = 0;
}

size_t sct_resampler_give(sct_resampler *resampler, _Bool end, double *out, size_t most) {
    const int64_t ahead = end ? 0 : (int64_t)resampler->width;
    size_t count = 0;
    for (; count < most && resampler->centre + ahead < resampler->received; count++) {
        out[count] = resampler->taps
                         ? next(resampler)
                         : resampler->kept[resampler->centre - resampler->first];
        advance(resampler);
    }
    return count;
}
