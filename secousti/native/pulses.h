/* A pulse train whose fundamental moves: the sum of all harmonics below a limit, of one stream
   (secousti/vocoder/source.py). */

#ifndef SCT_PULSES_H
#define SCT_PULSES_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    double sample_rate;
    size_t hop;
    double before; /* Hz of the last frame; 0: there was none */
    int64_t phase; /* 1 / 2^24 of a cycle: sums of integers never lose precision */
} sct_pulses;

/* The next frame, with the fundamental `hertz` at its end -> pulses[hop]; cycles[2 hop]: scratch.
   What is no frequency gives NaN. */
void sct_pulses_step(sct_pulses *train, double hertz, double *cycles, float *pulses);

#endif
