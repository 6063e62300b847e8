/* The causal transformer, a position at a time, and stacks of ConvNeXt blocks, a few frames at a
   time, with int8 weights, on one thread (see native.py).

   The arithmetic is that of PyTorch's dynamic quantization: every input row gets an 8-bit scale,
   every output a weight scale, sums are exact in 32 bits. Only the reading of weights and of the
   ring of keys and values takes time; both are read once, in order. The ring holds bfloat16, which
   is the upper half of a float. A row that is not finite becomes NaN, and no other row does. */

#include "layers.h"

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
    const float *bias1, *bias2;
    const float *gamma;          /* [channels], of the residual; NULL: 1 */
    const float *response, *beta; /* [wide], response normalisation of a frame; NULL: none */
    float epsilon;
    matrix widen, narrow;
} block;

typedef struct {
    float scale;
    int32_t zero;
} grid;

/* 8 bits for x[n], zero exactly on the grid; a scale of NaN if x is not finite. */
static grid quantize(const float *x, uint8_t *q, int n) {
    lanes low = {0}, high = {0};
    words most = {0};
    for (int i = 0; i < n; i += LANES) {
        const lanes v = load(x + i, n - i);
        const words size = (words)v & 0x7fffffff;
        const ints more = (ints)(size > most);
        most = (words)(((ints)size & more) | ((ints)most & ~more));
        low = smaller(v, low);
        high = larger(v, high);
    }
    const float least = fold_least(&low);
    grid g = {(fold_most(&high) - least) / 255, 0};
    if (fold_words(&most) > 0x7f7fffff) {
        memset(q, 0, (size_t)n);
        g.scale = __builtin_nanf("");
        return g;
    }
    if (g.scale < 1e-30f) g.scale = 0.1f;
    lanes first = {-least / g.scale};
    g.zero = (int32_t)rounded(first)[0];
    const float inverse = 1 / g.scale;
    for (int i = 0; i < n; i += LANES) {
        ints v = __builtin_convertvector(rounded(load(x + i, n - i) * inverse), ints) + g.zero;
        v &= ~(v < 0);
        const ints over = v > 255;
        const bytes b = __builtin_convertvector((v & ~over) | (over & 255), bytes);
        memcpy(q + i, &b, n - i >= LANES ? sizeof b : (size_t)(n - i));
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

static void rotate(float *x, const float *cosine, const float *sine, int heads, int half) {
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < half; i++) {
            float *pair = x + 2 * (h * half + i);
            const float a = pair[0], b = pair[1];
            pair[0] = a * cosine[i] - b * sine[i];
            pair[1] = a * sine[i] + b * cosine[i];
        }
}

/* To the nearest bfloat16, of two equally near ones to the even; NaN stays one. */
static void shorten(const float *x, uint16_t *y, int n) {
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        const uint32_t near = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
        y[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : near);
    }
}

/* y[width] = the sum of weights[known] times the rows at values; width <= 64. */
INLINE void weigh(const uint16_t *values, const float *weights, int known, int d, int width, float *y) {
    lanes total[4] = {{0}};
    for (int p = 0; p < known; p++)
        for (int j = 0; LANES * j < width; j++)
            total[j] += weights[p] * widened(values + (size_t)p * d + LANES * j, width - LANES * j);
    for (int j = 0; LANES * j < width; j++) store(y + LANES * j, total[j], width - LANES * j);
}

/* One head: q [d] against keys and values [known, d]. */
static void attend(const float *q, const uint16_t *keys, const uint16_t *values, float *weights,
                   float *y, int known, int d) {
    float most = -3e38f;
    for (int p = 0; p < known; p++) {
        const uint16_t *key = keys + (size_t)p * d;
        lanes s = {0};
        for (int i = 0; i < d; i += LANES) s += load(q + i, d - i) * widened(key + i, d - i);
        weights[p] = sum(s);
        most = weights[p] > most ? weights[p] : most;
    }
    float total = 0;
    for (int i = 0; i < known; i += LANES) {
        store(weights + i, exponential(load(weights + i, known - i) - most), known - i);
        total += sum(load(weights + i, known - i));
    }
    for (int p = 0; p < known; p++) weights[p] /= total;
    for (int i = 0; i < d; i += 64)
        if (d - i >= 64)
            weigh(values + i, weights, known, d, 64, y + i);
        else
            weigh(values + i, weights, known, d, d - i, y + i);
}

/* x [d_model] through all layers, in place. ring: [layers, 2, heads, context, d].
   scratch: 5 d_model + wide + context floats, max(d_model, wide) bytes. */
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
            shorten(packed + width + h * d, k + (size_t)slot * d, d);
            shorten(packed + 2 * width + h * d, v + (size_t)slot * d, d);
            attend(packed + h * d, k, v, weights, y + h * d, known, d);
        }
        multiply(&p->out, y, 1, q, &g, normal);
        add(x, p->scale1, normal, width);
        normalise(x, p->gain2, p->bias2, p->epsilon2, normal, width);
        multiply(&p->widen, normal, 1, q, &g, wide);
        gelu(wide, p->widen.outputs);
        multiply(&p->narrow, wide, 1, q, &g, y);
        add(x, p->scale2, y, width);
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
        memcpy(out, p->bias, (size_t)n * sizeof(float));
        for (int k = 0; k <= memory; k++) {
            const int from = r + k - memory;
            const float *in = from < 0 ? past + (size_t)(memory + from) * n : x + (size_t)from * n;
            add(out, p->kernel + (size_t)k * n, in, n);
        }
    }
}

/* past[memory, n] becomes the last rows of itself and x. */
static void remember(float *past, const float *x, int memory, int rows, int n) {
    const int kept = memory > rows ? memory - rows : 0, new = memory - kept;
    memmove(past, past + (size_t)(memory - kept) * n, (size_t)kept * n * sizeof(float));
    memcpy(past + (size_t)kept * n, x + (size_t)(rows - new) * n, (size_t)new * n * sizeof(float));
}

/* x [n] = response * x |x| / (mean of |x|) + beta + x (ConvNeXt v2, over the channels of a frame). */
static void respond(float *x, const float *response, const float *beta, int n) {
    lanes total = {0};
    for (int i = 0; i < n; i += LANES) total += (lanes)((ints)load(x + i, n - i) & 0x7fffffff);
    const float mean = sum(total) / (float)n + 1e-6f;
    for (int i = 0; i < n; i++) {
        const float size = x[i] < 0 ? -x[i] : x[i];
        x[i] = response[i] * (x[i] * (size / mean)) + beta[i] + x[i];
    }
}

/* x[rows, channels] through all blocks of a ConvNeXt, in place, as past[count, memory, channels].
   scratch: rows * (2 channels + wide) floats, rows grids, rows * max(channels, wide) bytes. */
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
        for (int r = 0; p->response && r < rows; r++)
            respond(hidden + (size_t)r * wide, p->response, p->beta, wide);
        multiply(&p->narrow, hidden, rows, q, grids, y);
        add_rows(y, p->bias2, rows, n);
        for (int i = 0; !p->gamma && i < rows * n; i++) x[i] += y[i];
        for (int r = 0; p->gamma && r < rows; r++) add(x + (size_t)r * n, p->gamma, y + (size_t)r * n, n);
    }
}
