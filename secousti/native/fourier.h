/* Spectra of real signals in double precision, and back (for the log-mel and for the vocoder). */

#ifndef SCT_FOURIER_H
#define SCT_FOURIER_H

#include <stddef.h>

#include "fault.h"

typedef struct {
    size_t size;     /* samples, a power of two from 4 on */
    double *waves;   /* cos and -sin of 2 pi k / size, k < size / 2 */
    double *points;  /* [size], scratch: size / 2 complex numbers */
    size_t *places;  /* [size / 2], indices with their bits reversed */
} sct_fourier;

/* SCT_REFUSED if the size is no power of two. End it even if it failed. */
_Bool sct_fourier_begin(sct_fourier *fourier, size_t size, sct_fault *fault);
void sct_fourier_end(sct_fourier *fourier);

/* Squared magnitudes power[size / 2 + 1] of x[size]. */
void sct_fourier_power(sct_fourier *fourier, const double *x, double *power);

/* spectrum[size / 2 + 1, 2], real and imaginary parts, of x[size]. */
void sct_fourier_spectrum(sct_fourier *fourier, const double *x, double *spectrum);

/* x[size] of its spectrum [size / 2 + 1, 2]; imaginary parts of the first and the last bin do not
   count. */
void sct_fourier_signal(sct_fourier *fourier, const double *spectrum, double *x);

#endif
