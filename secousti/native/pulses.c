#include "pulses.h"

#include "functions.h"
#include "wide.h"

static const double cycle = 16777216;

/* To the nearest whole number, of two equally near ones the even one; |x| below 2^51. */
static double nearest(double x) { return wide_rounded((wide){x})[0]; }

/* Cycles since the frame's start after sample n = 1 .. hop. */
static double within(const sct_pulses *train, double before, double hertz, size_t sample) {
    const double n = (double)sample, slope = (hertz - before) / (double)(2 * train->hop);
    return (n * before + n * (n + 1) * slope) / train->sample_rate;
}

/* sum_k cos(2 pi k c), k = 1 .. count, in closed form (Dirichlet kernel); sines [2] are those of
   half the angle and of count + 1/2 angles. */
static float pulse(float count, float half, float whole) {
    const _Bool near = half < 1e-4f && half > -1e-4f;
    return (near ? count + 0.5f : whole / (2 * half)) - 0.5f;
}

void sct_pulses_step(sct_pulses *train, double hertz, double *cycles, float *pulses) {
    const size_t hop = train->hop;
    const _Bool sane = hertz >= 1 && hertz <= train->sample_rate; /* else its sums are no integers */
    if (!sane) hertz = 1;
    const double before = train->before > 0 ? train->before : hertz;
    const double start = (double)train->phase / cycle;
    const float inverse = 1 / (float)hertz, level = (float)hertz / 512;
    const float limit = inverse * (float)(0.475 * train->sample_rate);
    const float count = (float)(int32_t)limit;
    double *sines = cycles + hop;
    for (size_t i = 0; i < hop; i++) {
        const double at = start + within(train, before, hertz, i + 1);
        cycles[i] = (double)(6.2831855f * (float)(at - nearest(at)));
    }
    for (size_t i = 0; i < hop; i++) sines[i] = (double)((float)cycles[i] / 2);
    for (size_t i = 0; i < hop; i++) cycles[i] = (double)((count + 0.5f) * (float)cycles[i]);
    sct_wide_sines(cycles, 2 * hop);
    for (size_t i = 0; i < hop; i++)
        pulses[i] = pulse(count, (float)sines[i], (float)cycles[i]) * level;
    if (!sane) pulses[0] = __builtin_nanf("");
    const int64_t steps = (int64_t)nearest(within(train, before, hertz, hop) * cycle);
    train->phase = (train->phase + steps) & 0xffffff;
    train->before = hertz;
}
