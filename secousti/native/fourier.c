#include "unfused.h"

#include "fourier.h"

#include <stdlib.h>

#include "wide.h"

enum { MOST_BINS = 4097 };

static const double two_pi = 6.28318530717958647693;

static void fill(sct_fourier *fourier) {
    const size_t size = fourier->size, half = size / 2;
    double *sines = fourier->points, *cosines = fourier->waves;
    for (size_t k = 0; k < half; k++) cosines[k] = two_pi * (double)k / (double)size;
    sct_wide_turns(cosines, half, sines, cosines);
    for (size_t k = half; k-- > 0;) {
        fourier->waves[2 * k] = cosines[k];
        fourier->waves[2 * k + 1] = -sines[k];
    }
    fourier->places[0] = 0;
    for (size_t k = 1; k < half; k++)
        fourier->places[k] = fourier->places[k / 2] / 2 + (k & 1 ? half / 2 : 0);
}

_Bool sct_fourier_begin(sct_fourier *fourier, size_t size, sct_fault *fault) {
    *fourier = (sct_fourier){.size = size};
    if (size < 4 || size > 2 * (MOST_BINS - 1) || (size & (size - 1)))
        return sct_fail(fault, SCT_REFUSED, "spectra of %zu samples are no power of two", size);
    fourier->waves = malloc(size * sizeof *fourier->waves);
    fourier->points = malloc(size * sizeof *fourier->points);
    fourier->places = malloc(size / 2 * sizeof *fourier->places);
    if (!fourier->waves || !fourier->points || !fourier->places)
        return sct_fail(fault, SCT_NO_MEMORY, "no memory for spectra");
    fill(fourier);
    return 1;
}

void sct_fourier_end(sct_fourier *fourier) {
    free(fourier->waves);
    free(fourier->points);
    free(fourier->places);
    *fourier = (sct_fourier){0};
}

/* Pairs of blocks of `half` points become blocks of twice as many. */
static void stage(double *p, const double *waves, size_t count, size_t half) {
    const size_t stride = count / half; /* waves are those of 2 * count samples */
    for (size_t first = 0; first < count; first += 2 * half)
        for (size_t k = 0; k < half; k++) {
            const double c = waves[2 * k * stride], s = waves[2 * k * stride + 1];
            double *a = p + 2 * (first + k), *b = a + 2 * half;
            const double re = b[0] * c - b[1] * s, im = b[0] * s + b[1] * c;
            b[0] = a[0] - re, b[1] = a[1] - im;
            a[0] += re, a[1] += im;
        }
}

/* fourier->points, which are in bit-reversed order, become their transform. */
static void transform(sct_fourier *fourier) {
    const size_t half = fourier->size / 2;
    for (size_t size = 1; size < half; size *= 2)
        stage(fourier->points, fourier->waves, half, size);
}

void sct_fourier_spectrum(sct_fourier *fourier, const double *x, double *spectrum) {
    const size_t half = fourier->size / 2;
    double *p = fourier->points;
    for (size_t k = 0; k < half; k++) { /* even samples are real parts, odd ones imaginary */
        p[2 * k] = x[2 * fourier->places[k]];
        p[2 * k + 1] = x[2 * fourier->places[k] + 1];
    }
    transform(fourier);
    spectrum[0] = p[0] + p[1], spectrum[2 * half] = p[0] - p[1];
    spectrum[1] = spectrum[2 * half + 1] = 0;
    for (size_t k = 1; k < half; k++) {
        const double *a = p + 2 * k, *b = p + 2 * (half - k);
        const double even_re = (a[0] + b[0]) / 2, even_im = (a[1] - b[1]) / 2;
        const double odd_re = (a[1] + b[1]) / 2, odd_im = (b[0] - a[0]) / 2;
        const double c = fourier->waves[2 * k], s = fourier->waves[2 * k + 1];
        spectrum[2 * k] = even_re + odd_re * c - odd_im * s;
        spectrum[2 * k + 1] = even_im + odd_re * s + odd_im * c;
    }
}

void sct_fourier_power(sct_fourier *fourier, const double *x, double *power) {
    const size_t half = fourier->size / 2;
    double bins[2 * MOST_BINS];
    sct_fourier_spectrum(fourier, x, bins);
    for (size_t k = 0; k <= half; k++)
        power[k] = bins[2 * k] * bins[2 * k] + bins[2 * k + 1] * bins[2 * k + 1];
}

void sct_fourier_signal(sct_fourier *fourier, const double *spectrum, double *x) {
    const size_t half = fourier->size / 2;
    double *p = fourier->points;
    for (size_t k = 0; k < half; k++) { /* the conjugate, so that the transform goes backwards */
        const double *a = spectrum + 2 * k, *b = spectrum + 2 * (half - k);
        const double ends = k ? 1 : 0;
        const double even_re = a[0] + b[0], even_im = ends * (a[1] - b[1]);
        const double apart_re = a[0] - b[0], apart_im = ends * (a[1] + b[1]);
        const double c = fourier->waves[2 * k], s = -fourier->waves[2 * k + 1];
        const double odd_re = apart_re * c - apart_im * s, odd_im = apart_re * s + apart_im * c;
        const size_t to = fourier->places[k];
        p[2 * to] = even_re - odd_im;
        p[2 * to + 1] = -(even_im + odd_re);
    }
    transform(fourier);
    for (size_t k = 0; k < half; k++) {
        x[2 * k] = p[2 * k] / (double)fourier->size;
        x[2 * k + 1] = -p[2 * k + 1] / (double)fourier->size;
    }
}
