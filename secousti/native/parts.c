#include "parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "functions.h"
#include "levels.h"
#include "wide.h"

enum { MOST_TAPS = 255, NAME = 160 };

sct_part sct_part_of(const sct_part *whole, const char *format, ...) {
    sct_part part = *whole;
    size_t used = strlen(part.name);
    if (used && used + 1 < sizeof part.name) part.name[used++] = '.';
    va_list rest;
    va_start(rest, format);
    vsnprintf(part.name + used, sizeof part.name - used, format, rest);
    va_end(rest);
    return part;
}

const float *sct_part_find(const sct_part *part, const char *name, const uint32_t *shape,
                           int dims) {
    char full[NAME];
    snprintf(full, sizeof full, "%s.%s", part->name, name);
    return sct_weights_find(part->weights, full, SCT_F32, shape, dims, part->fault);
}

_Bool sct_part_has(const sct_part *part, const char *name, uint32_t shape[SCT_MOST_DIMS]) {
    char full[NAME];
    int dims;
    snprintf(full, sizeof full, "%s.%s", part->name, name);
    return sct_weights_shape(part->weights, full, shape, &dims);
}

_Bool sct_part_number(const sct_part *part, const char *name, int32_t least, int32_t most,
                      size_t *number) {
    char full[NAME];
    int32_t found;
    snprintf(full, sizeof full, "config.%s", name);
    if (!sct_weights_number(part->weights, full, least, most, &found, part->fault)) return 0;
    *number = (size_t)found;
    return 1;
}

double *sct_zeros(size_t count, sct_fault *fault) {
    double *made = calloc(count, sizeof *made);
    if (!made) sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
    return made;
}

void sct_norm(const float *gain, const float *bias, double epsilon, size_t size, const double *x,
              double *y) {
    double sum = 0, square = 0;
    for (size_t i = 0; i < size; i++) sum += x[i];
    const double mean = sum / (double)size;
    for (size_t i = 0; i < size; i++) square += (x[i] - mean) * (x[i] - mean);
    const double factor = 1 / sct_wide_root(square / (double)size + epsilon);
    for (size_t i = 0; i < size; i++)
        y[i] = (x[i] - mean) * factor * (double)gain[i] + (double)bias[i];
}

INLINE void sct_sigmoid_body(double *x, size_t size) {
    for (size_t i = 0; i < size; i += WIDE)
        wide_store(x + i, 1 / (1 + wide_exp(-wide_of(x + i, size - i))), size - i);
}
SCT_LEVELS(sct_sigmoid, (double *x, size_t size), (x, size))

void sct_silu(double *x, size_t size, double *scratch) {
    memcpy(scratch, x, size * sizeof *x);
    sct_sigmoid(scratch, size);
    for (size_t i = 0; i < size; i++) x[i] *= scratch[i];
}

void sct_tanh(double *x, size_t size) {
    for (size_t i = 0; i < size; i++) x[i] *= 2;
    sct_sigmoid(x, size);
    for (size_t i = 0; i < size; i++) x[i] = 2 * x[i] - 1;
}

static void turn(sct_depthwise *conv, const float *weight) {
    for (size_t k = 0; k < conv->taps; k++)
        for (size_t c = 0; c < conv->channels; c++)
            conv->kernel[k * conv->channels + c] = weight[c * conv->taps + k];
}

_Bool sct_depthwise_begin(sct_depthwise *conv, const sct_part *part, size_t channels,
                          size_t most) {
    const uint32_t width = (uint32_t)channels;
    uint32_t shape[SCT_MOST_DIMS] = {0};
    *conv = (sct_depthwise){.channels = channels, .most = most};
    const float *weight = sct_part_find(part, "weight", SCT_SHAPE(width, 1, SCT_ANY));
    conv->bias = sct_part_find(part, "bias", SCT_SHAPE(width));
    if (!weight || !conv->bias) return 0;
    sct_part_has(part, "weight", shape);
    conv->taps = shape[2];
    if (conv->taps > MOST_TAPS)
        return sct_fail(part->fault, SCT_REFUSED, "%s has %zu taps", part->name, conv->taps);
    conv->kernel = malloc(conv->taps * channels * sizeof *conv->kernel);
    conv->rows = sct_zeros((conv->taps - 1 + most) * channels, part->fault);
    if (!conv->kernel) return sct_fail(part->fault, SCT_NO_MEMORY, "there is no memory");
    if (!conv->rows) return 0;
    turn(conv, weight);
    return 1;
}

void sct_depthwise_end(sct_depthwise *conv) {
    free(conv->kernel);
    free(conv->rows);
}

void sct_depthwise_restart(sct_depthwise *conv) {
    memset(conv->rows, 0, (conv->taps - 1) * conv->channels * sizeof *conv->rows);
}

void sct_depthwise_step(sct_depthwise *conv, const double *x, size_t count, double *y) {
    const size_t width = conv->channels, past = (conv->taps - 1) * width;
    memcpy(conv->rows + past, x, count * width * sizeof *x);
    for (size_t t = 0; t < count; t++, y += width) {
        const double *row = conv->rows + t * width;
        for (size_t c = 0; c < width; c++) y[c] = (double)conv->bias[c];
        for (size_t k = 0; k < conv->taps; k++, row += width) {
            const float *kernel = conv->kernel + k * width;
            for (size_t c = 0; c < width; c++) y[c] += (double)kernel[c] * row[c];
        }
    }
    memmove(conv->rows, conv->rows + count * width, past * sizeof *x);
}
