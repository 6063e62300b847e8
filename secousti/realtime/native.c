/* The causal transformer, a position at a time, and the vocoder's backbone, a few frames at a time,
   with int8 weights, on one thread (see native.py).

   The arithmetic is that of PyTorch's dynamic quantization: every input row gets an 8-bit scale,
   every output a weight scale, sums are exact in 32 bits. Only the reading of weights and of the
   ring of keys and values takes time; both are read once, in order. The ring holds bfloat16, which
   is the upper half of a float. */

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const int8_t *weight;   /* [outputs, inputs] */
    const float *scale;     /* [outputs] */
    const int32_t *sum;     /* [outputs], of the weights of a row */
    int32_t inputs, outputs;
} matrix;

typedef struct {
    const float *gain1, *bias1, *scale1, *gain2, *bias2, *scale2;
    float epsilon1, epsilon2;
    matrix in, out, widen, narrow;
} layer;

typedef struct {
    const float *kernel, *bias; /* depthwise: [taps, channels], oldest first; [channels] */
    const float *gain, *shift;  /* of the normalisation */
    const float *bias1, *bias2, *gamma;
    float epsilon;
    matrix widen, narrow;
} block;

typedef struct {
    float scale;
    int32_t zero;
} grid;

/* 8 bits for x[n], zero exactly on the grid. */
static grid quantize(const float *x, uint8_t *q, int n) {
    float low = 0, high = 0;
    for (int i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    grid g = {(high - low) / 255, 0};
    if (g.scale < 1e-30f) g.scale = 0.1f;
    g.zero = (int32_t)nearbyintf(-low / g.scale);
    const float inverse = 1 / g.scale;
    for (int i = 0; i < n; i++) {
        int32_t v = (int32_t)nearbyintf(x[i] * inverse) + g.zero;
        q[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    return g;
}

/* y[rows, outputs] = x[rows, inputs] times the matrix, whose rows are read once, four at a time. */
static void multiply(const matrix *m, const float *x, int rows, uint8_t *q, grid *grids, float *y) {
    const int n = m->inputs;
    for (int r = 0; r < rows; r++) grids[r] = quantize(x + (size_t)r * n, q + (size_t)r * n, n);
    for (int o = 0; o < m->outputs; o += 4) {
        const int8_t *a = m->weight + (size_t)o * n, *b = a + n, *c = b + n, *d = c + n;
        for (int r = 0; r < rows; r++) {
            const uint8_t *row = q + (size_t)r * n;
            int32_t s = 0, t = 0, u = 0, v = 0;
            for (int i = 0; i < n; i++) {
                s += (int32_t)row[i] * a[i];
                t += (int32_t)row[i] * b[i];
                u += (int32_t)row[i] * c[i];
                v += (int32_t)row[i] * d[i];
            }
            const int32_t sums[4] = {s, t, u, v};
            const grid g = grids[r];
            float *out = y + (size_t)r * m->outputs + o;
            for (int k = 0; k < 4; k++)
                out[k] = (float)(sums[k] - g.zero * m->sum[o + k]) * (g.scale * m->scale[o + k]);
        }
    }
}

static void normalise(const float *x, const float *gain, const float *bias, float epsilon, float *y,
                      int n) {
    float mean = 0, square = 0;
    for (int i = 0; i < n; i++) mean += x[i];
    mean /= n;
    for (int i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean);
    const float factor = 1 / sqrtf(square / n + epsilon);
    for (int i = 0; i < n; i++) y[i] = (x[i] - mean) * factor * gain[i] + bias[i];
}

/* erf to 1.5e-7 (Abramowitz and Stegun 7.1.26). */
static inline float error_function(float x) {
    const float a = fabsf(x), t = 1 / (1 + 0.3275911f * a);
    const float p =
        ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t +
         0.254829592f) * t;
    const float r = 1 - p * expf(-a * a);
    return x < 0 ? -r : r;
}

static void gelu(float *x, int n) {
    for (int i = 0; i < n; i++) x[i] = 0.5f * x[i] * (1 + error_function(x[i] * 0.70710678f));
}

static void rotate(float *x, const float *cosine, const float *sine, int heads, int half) {
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < half; i++) {
            float *pair = x + 2 * (h * half + i);
            const float a = pair[0], b = pair[1];
            pair[0] = a * cosine[i] - b * sine[i];
            pair[1] = a * sine[i] + b * cosine[i];
        }
}

static inline float widened(uint16_t x) {
    const uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* To the nearest, of two equally near ones to the even. */
static void narrow(const float *x, uint16_t *y, int n) {
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        y[i] = (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
}

/* One head: q [d] against keys and values [known, d]. */
static void attend(const float *q, const uint16_t *keys, const uint16_t *values, float *weights,
                   float *y, int known, int d) {
    float most = -3e38f, total = 0;
    for (int p = 0; p < known; p++) {
        const uint16_t *key = keys + (size_t)p * d;
        float s = 0;
        for (int i = 0; i < d; i++) s += q[i] * widened(key[i]);
        weights[p] = s;
        most = s > most ? s : most;
    }
    for (int p = 0; p < known; p++) total += weights[p] = expf(weights[p] - most);
    for (int i = 0; i < d; i++) y[i] = 0;
    for (int p = 0; p < known; p++) {
        const float w = weights[p] / total;
        const uint16_t *value = values + (size_t)p * d;
        for (int i = 0; i < d; i++) y[i] += w * widened(value[i]);
    }
}

/* x [d_model] through all layers, in place. ring: [layers, 2, heads, context, d]. */
void secousti_step(const layer *layers, int count, float *x, uint16_t *ring, const float *cosine,
                   const float *sine, int heads, int d, int context, int slot, int known,
                   float *scratch) {
    const int width = heads * d;
    float *normal = scratch, *packed = normal + width, *y = packed + 3 * width;
    float *wide = y + width, *weights = wide + layers->widen.outputs;
    uint8_t *q = (uint8_t *)(weights + context);
    grid g;
    for (int l = 0; l < count; l++) {
        const layer *p = layers + l;
        uint16_t *keys = ring + (size_t)l * 2 * heads * context * d;
        uint16_t *values = keys + (size_t)heads * context * d;
        normalise(x, p->gain1, p->bias1, p->epsilon1, normal, width);
        multiply(&p->in, normal, 1, q, &g, packed);
        rotate(packed, cosine, sine, 2 * heads, d / 2);
        for (int h = 0; h < heads; h++) {
            uint16_t *k = keys + (size_t)h * context * d, *v = values + (size_t)h * context * d;
            narrow(packed + width + h * d, k + (size_t)slot * d, d);
            narrow(packed + 2 * width + h * d, v + (size_t)slot * d, d);
            attend(packed + h * d, k, v, weights, y + h * d, known, d);
        }
        multiply(&p->out, y, 1, q, &g, normal);
        for (int i = 0; i < width; i++) x[i] += p->scale1[i] * normal[i];
        normalise(x, p->gain2, p->bias2, p->epsilon2, normal, width);
        multiply(&p->widen, normal, 1, q, &g, wide);
        gelu(wide, p->widen.outputs);
        multiply(&p->narrow, wide, 1, q, &g, y);
        for (int i = 0; i < width; i++) x[i] += p->scale2[i] * y[i];
    }
}

static void add_rows(float *y, const float *bias, int rows, int n) {
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < n; i++) y[(size_t)r * n + i] += bias[i];
}

/* y[rows, n] = depthwise convolution of memory older rows, then x's. */
static void convolve(const block *p, const float *past, const float *x, int memory, int rows, float *y,
                     int n) {
    for (int r = 0; r < rows; r++) {
        float *out = y + (size_t)r * n;
        memcpy(out, p->bias, n * sizeof(float));
        for (int k = 0; k <= memory; k++) {
            const int from = r + k - memory;
            const float *in = from < 0 ? past + (size_t)(memory + from) * n : x + (size_t)from * n;
            const float *tap = p->kernel + (size_t)k * n;
            for (int i = 0; i < n; i++) out[i] += tap[i] * in[i];
        }
    }
}

/* past[memory, n] becomes the last rows of itself and x. */
static void remember(float *past, const float *x, int memory, int rows, int n) {
    const int kept = memory > rows ? memory - rows : 0, new = memory - kept;
    memmove(past, past + (size_t)(memory - kept) * n, (size_t)kept * n * sizeof(float));
    memcpy(past + (size_t)kept * n, x + (size_t)(rows - new) * n, (size_t)new * n * sizeof(float));
}

/* x[rows, channels] through all blocks of a ConvNeXt, in place, as past[count, memory, channels].
   scratch: rows * (2 channels + wide) floats, rows grids, rows * wide bytes. */
void secousti_convnext(const block *blocks, int count, float *x, int rows, float *past, int memory,
                       float *scratch) {
    const int n = blocks->widen.inputs, wide = blocks->widen.outputs;
    float *y = scratch, *normal = y + (size_t)rows * n, *hidden = normal + (size_t)rows * n;
    grid *grids = (grid *)(hidden + (size_t)rows * wide);
    uint8_t *q = (uint8_t *)(grids + rows);
    for (int l = 0; l < count; l++) {
        const block *p = blocks + l;
        float *own = past + (size_t)l * memory * n;
        convolve(p, own, x, memory, rows, y, n);
        remember(own, x, memory, rows, n);
        for (int r = 0; r < rows; r++)
            normalise(y + (size_t)r * n, p->gain, p->shift, p->epsilon, normal + (size_t)r * n, n);
        multiply(&p->widen, normal, rows, q, grids, hidden);
        add_rows(hidden, p->bias1, rows, wide);
        gelu(hidden, rows * wide);
        multiply(&p->narrow, hidden, rows, q, grids, y);
        add_rows(y, p->bias2, rows, n);
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < n; i++) x[(size_t)r * n + i] += p->gamma[i] * y[(size_t)r * n + i];
    }
}
