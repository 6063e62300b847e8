#include "transformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wide.h"

enum { NAME = 128 };

/* The tensor prefix.layers.INDEX.rest. */
static const float *layer_find(const sct_weights *weights, const char *prefix, size_t index,
                               const char *rest, const uint32_t *shape, int dims,
                               sct_fault *fault) {
    char name[NAME];
    snprintf(name, sizeof name, "%s.layers.%zu.%s", prefix, index, rest);
    return sct_weights_find(weights, name, SCT_F32, shape, dims, fault);
}

static _Bool find_layer(sct_transformer *t, const sct_weights *weights, const char *prefix,
                        size_t index, sct_fault *fault) {
    const uint32_t width = (uint32_t)t->width, hidden = (uint32_t)t->hidden;
    sct_layer *layer = t->layers + index;
#define FIND(field, rest, ...)                                                                  \
    (layer->field = layer_find(weights, prefix, index, rest, SCT_SHAPE(__VA_ARGS__), fault))
    return FIND(gain1, "norm1.weight", width) && FIND(bias1, "norm1.bias", width) &&
           FIND(in, "attention.in_proj.weight", 3 * width, width) &&
           FIND(out, "attention.out_proj.weight", width, width) &&
           FIND(scale1, "layer_scale1.scale", width) && FIND(gain2, "norm2.weight", width) &&
           FIND(bias2, "norm2.bias", width) && FIND(widen, "linear1.weight", hidden, width) &&
           FIND(narrow, "linear2.weight", width, hidden) &&
           FIND(scale2, "layer_scale2.scale", width);
#undef FIND
}

/* A projection, which is only there where sizes differ. */
static _Bool find_projection(const sct_weights *weights, const char *prefix, const char *rest,
                             size_t inputs, size_t outputs, const float **found,
                             sct_fault *fault) {
    char name[NAME];
    *found = NULL;
    if (inputs == outputs) return 1;
    snprintf(name, sizeof name, "%s.%s", prefix, rest);
    *found = sct_weights_find(weights, name, SCT_F32, SCT_SHAPE((uint32_t)outputs, (uint32_t)inputs),
                              fault);
    return *found != NULL;
}

static _Bool find_sizes(sct_transformer *t, const sct_weights *weights, sct_fault *fault) {
    int32_t width, heads, hidden, context;
    const _Bool found =
        sct_weights_number(weights, "config.transformer.d_model", 2, SCT_MOST_WIDTH, &width, fault) &&
        sct_weights_number(weights, "config.transformer.num_heads", 1, width, &heads, fault) &&
        sct_weights_number(weights, "config.transformer.dim_feedforward", 1, SCT_MOST_WIDTH, &hidden,
                           fault) &&
        sct_weights_number(weights, "config.transformer.context", 1, SCT_MOST_CONTEXT, &context,
                           fault);
    if (!found) return 0;
    if (width % heads || width / heads % 2)
        return sct_fail(fault, SCT_REFUSED, "%ld numbers do not make %ld heads of pairs",
                        (long)width, (long)heads);
    t->width = (size_t)width, t->heads = (size_t)heads;
    t->hidden = (size_t)hidden, t->context = (size_t)context;
    t->rotary = sct_weights_find(weights, "derived.rotary", SCT_F64,
                                 SCT_SHAPE((uint32_t)(width / heads / 2)), fault);
    return t->rotary != NULL;
}

_Bool sct_transformer_find(sct_transformer *t, const sct_weights *weights, const char *prefix,
                           size_t count, size_t inputs, size_t outputs, sct_fault *fault) {
    *t = (sct_transformer){.count = count, .inputs = inputs, .outputs = outputs};
    if (count > SCT_MOST_LAYERS)
        return sct_fail(fault, SCT_REFUSED, "%s has more than %d layers", prefix, SCT_MOST_LAYERS);
    if (!find_sizes(t, weights, fault)) return 0;
    for (size_t i = 0; i < count; i++)
        if (!find_layer(t, weights, prefix, i, fault)) return 0;
    return find_projection(weights, prefix, "input_proj.weight", inputs, t->width, &t->input,
                           fault) &&
           find_projection(weights, prefix, "output_proj.weight", t->width, outputs, &t->output,
                           fault);
}

static size_t ring_size(const sct_transformer *t) { return t->count * 2 * t->context * t->width; }

_Bool sct_transformer_begin(sct_transformer_state *state, const sct_transformer *t, size_t most,
                            sct_fault *fault) {
    *state = (sct_transformer_state){.weights = t, .most = most};
    const size_t scratch = most * (6 * t->width + t->hidden) + t->context + t->width;
    state->ring = calloc(ring_size(t) + !t->count, sizeof *state->ring);
    state->scratch = malloc(scratch * sizeof *state->scratch);
    return (state->ring && state->scratch) || sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
}

void sct_transformer_end(sct_transformer_state *state) {
    free(state->ring);
    free(state->scratch);
    *state = (sct_transformer_state){0};
}

void sct_transformer_restart(sct_transformer_state *state) { state->position = 0; }

/* The norm of every row, and what a voice does to it. */
static void normalise(const float *gain, const float *bias, const double *modulation, size_t width,
                      size_t rows, const double *x, double *y) {
    for (size_t r = 0; r < rows; r++, x += width, y += width) {
        sct_wide_norm(gain, bias, width, x, y);
        for (size_t i = 0; modulation && i < width; i++)
            y[i] = y[i] * (1 + modulation[i]) + modulation[width + i];
    }
}

/* Turn the pairs of `heads` vectors by the angles of a position. */
static void rotate(double *x, size_t heads, size_t half, const double *sines,
                   const double *cosines) {
    for (size_t h = 0; h < heads; h++, x += 2 * half)
        for (size_t i = 0; i < half; i++) {
            const double a = x[2 * i], b = x[2 * i + 1];
            x[2 * i] = a * cosines[i] - b * sines[i];
            x[2 * i + 1] = a * sines[i] + b * cosines[i];
        }
}

/* One position: packed[3 width] are query, key and value; y[width] what the heads hear. */
static void attend(sct_transformer_state *state, size_t layer, int64_t position, double *packed,
                   double *spare, double *y) {
    const sct_transformer *t = state->weights;
    const size_t size = t->width / t->heads, block = t->context * size;
    const size_t slot = (size_t)(position % (int64_t)t->context);
    const size_t known = position < (int64_t)t->context ? (size_t)position + 1 : t->context;
    double *keys = state->ring + layer * 2 * t->context * t->width;
    double *values = keys + t->context * t->width, *sines = spare + t->context;
    double *cosines = sines + size / 2;
    for (size_t i = 0; i < size / 2; i++) cosines[i] = (double)position * t->rotary[i];
    sct_wide_turns(cosines, size / 2, sines, cosines);
    rotate(packed, 2 * t->heads, size / 2, sines, cosines);
    for (size_t h = 0; h < t->heads; h++) {
        memcpy(keys + h * block + slot * size, packed + t->width + h * size, size * sizeof *keys);
        memcpy(values + h * block + slot * size, packed + 2 * t->width + h * size,
               size * sizeof *keys);
        sct_wide_attend(packed + h * size, keys + h * block, values + h * block, known, size, spare,
                        y + h * size);
    }
}

/* x[rows, width] through a layer, in place. */
static void through(sct_transformer_state *state, size_t index, double *x, size_t rows,
                    const double *modulation, double *scratch) {
    const sct_transformer *t = state->weights;
    const sct_layer *layer = t->layers + index;
    const size_t width = t->width;
    double *normal = scratch, *packed = normal + rows * width, *y = packed + 3 * rows * width;
    double *hidden = y + rows * width, *spare = hidden + rows * t->hidden;
    normalise(layer->gain1, layer->bias1, modulation, width, rows, x, normal);
    sct_wide_linear(layer->in, NULL, width, 3 * width, normal, width, rows, packed);
    for (size_t r = 0; r < rows; r++)
        attend(state, index, state->position + (int64_t)r, packed + 3 * r * width, spare,
               y + r * width);
    sct_wide_linear(layer->out, NULL, width, width, y, width, rows, normal);
    sct_wide_join(layer->scale1, width, rows, normal, x);
    normalise(layer->gain2, layer->bias2, modulation ? modulation + 2 * width : NULL, width, rows, x,
              normal);
    sct_wide_linear(layer->widen, NULL, width, t->hidden, normal, width, rows, hidden);
    sct_wide_gelu(hidden, rows * t->hidden);
    sct_wide_linear(layer->narrow, NULL, t->hidden, width, hidden, t->hidden, rows, y);
    sct_wide_join(layer->scale2, width, rows, y, x);
}

void sct_transformer_run(sct_transformer_state *state, const double *x, size_t rows,
                         const double *modulation, double *y) {
    const sct_transformer *t = state->weights;
    double *inner = state->scratch, *scratch = inner + rows * t->width;
    if (t->input)
        sct_wide_linear(t->input, NULL, t->inputs, t->width, x, t->inputs, rows, inner);
    else
        memcpy(inner, x, rows * t->width * sizeof *x);
    for (size_t i = 0; i < t->count; i++)
        through(state, i, inner, rows, modulation ? modulation + i * 4 * t->width : NULL, scratch);
    state->position += (int64_t)rows;
    if (t->output)
        sct_wide_linear(t->output, NULL, t->width, t->outputs, inner, t->width, rows, y);
    else
        memcpy(y, inner, rows * t->width * sizeof *y);
}
