#include "adaptive.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "range_code.h"

enum { UNIFORM, ORDER0, ORDER1, MODELS };
enum { INCREMENT = 2 }; /* counts start at 1: the Krichevsky-Trofimov estimator, doubled */

/* Frequencies of every digit of a token, alone or after the same digit of the token before. */
typedef struct {
    uint32_t digits, width, contexts;
    uint32_t *counts;  /* [digits, contexts, width] */
    uint32_t *context; /* [digits]; the last one: there is no token before */
    uint32_t *p;       /* [width], of the digit that is coded now */
    _Bool follows;     /* whether a digit is the context of the next */
} model;

static uint32_t widest(const sct_alphabet *alphabet) {
    uint32_t width = 0;
    for (uint32_t d = 0; d < alphabet->digits; d++)
        if (alphabet->levels[d] > width) width = alphabet->levels[d];
    return width;
}

/* Models that such tokens may be coded with: the numbers below it. */
static int models(const sct_alphabet *alphabet) {
    const uint32_t width = widest(alphabet);
    return width <= SCT_MAX_ORDER1_LEVEL ? MODELS : width <= SCT_MAX_ADAPTIVE_LEVEL ? ORDER1 : ORDER0;
}

static _Bool begin(model *m, const sct_alphabet *alphabet, int number) {
    *m = (model){.digits = alphabet->digits, .width = widest(alphabet), .contexts = 1};
    m->follows = number == ORDER1;
    if (m->follows) m->contexts = m->width + 1;
    const size_t table = (size_t)m->digits * m->contexts * m->width;
    m->counts = calloc(table + m->digits + m->width, sizeof *m->counts);
    if (!m->counts) return 0;
    m->context = m->counts + table;
    m->p = m->context + m->digits;
    for (size_t row = 0; row < (size_t)m->digits * m->contexts; row++)
        for (uint32_t i = 0; i < alphabet->levels[row / m->contexts]; i++)
            m->counts[row * m->width + i] = 1;
    for (uint32_t d = 0; d < m->digits; d++) m->context[d] = m->contexts - 1;
    return 1;
}

static uint32_t *counts_of(model *m, uint32_t digit) {
    return m->counts + ((size_t)digit * m->contexts + m->context[digit]) * m->width;
}

/* m->p: what the counts of a digit say, out of 1 << SCT_PROBABILITY. */
static void weigh(model *m, uint32_t digit) {
    const uint32_t *counts = counts_of(m, digit);
    const uint64_t room = (1u << SCT_PROBABILITY) - m->width;
    uint64_t total = 0;
    for (uint32_t i = 0; i < m->width; i++) total += counts[i];
    uint32_t left = 1u << SCT_PROBABILITY;
    for (uint32_t i = 0; i < m->width; i++) {
        m->p[i] = counts[i] ? (uint32_t)(counts[i] * room / total) + 1 : 0;
        left -= m->p[i];
    }
    m->p[0] += left;
}

static void learn(model *m, uint32_t digit, uint32_t value) {
    counts_of(m, digit)[value] += INCREMENT;
    if (m->follows) m->context[digit] = value;
}

static void put_digit(model *m, uint32_t digit, uint32_t value, sct_range_encoder *encoder) {
    weigh(m, digit);
    uint32_t before = 0;
    for (uint32_t i = 0; i < value; i++) before += m->p[i];
    sct_range_put(encoder, value, before, m->p[value], m->width);
    learn(m, digit, value);
}

static _Bool put_digits(const sct_alphabet *alphabet, int number, const uint32_t *tokens,
                        size_t count, sct_range_encoder *encoder) {
    model m;
    if (!begin(&m, alphabet, number)) return 0;
    for (size_t n = 0; n < count; n++) {
        uint32_t rest = tokens[n];
        for (uint32_t d = 0; d < m.digits; rest /= alphabet->levels[d++])
            put_digit(&m, d, rest % alphabet->levels[d], encoder);
    }
    free(m.counts);
    return 1;
}

/* The number of a model and its code at `out`; bytes, 0 without memory. */
static size_t store_with(int number, const sct_alphabet *alphabet, const uint32_t *tokens,
                         size_t count, uint8_t *out) {
    sct_range_encoder encoder;
    out[0] = (uint8_t)number;
    sct_range_begin(&encoder, out + 1);
    if (number == UNIFORM) {
        for (size_t n = 0; n < count; n++)
            sct_range_put_uniform(&encoder, tokens[n], alphabet->codebook_size);
    } else if (!put_digits(alphabet, number, tokens, count, &encoder)) {
        return 0;
    }
    return 1 + sct_range_end(&encoder, SCT_WORDS);
}

size_t sct_adaptive_room(const sct_alphabet *alphabet, size_t count) {
    return 1 + sct_range_room(count * alphabet->digits);
}

size_t sct_adaptive_store(const sct_alphabet *alphabet, const uint32_t *tokens, size_t count,
                          uint8_t *out, uint8_t *other, sct_fault *fault) {
    size_t best = store_with(UNIFORM, alphabet, tokens, count, out);
    for (int number = ORDER0; number < models(alphabet); number++) {
        const size_t size = store_with(number, alphabet, tokens, count, other);
        if (!size) return (size_t)sct_fail(fault, SCT_NO_MEMORY, "there is not enough memory");
        if (size < best) memcpy(out, other, best = size);
    }
    return best;
}

static _Bool take_digits(model *m, const sct_alphabet *alphabet, sct_range_decoder *decoder,
                         uint32_t *token, sct_fault *fault) {
    uint32_t place = 1;
    _Bool outside = 0;
    *token = 0;
    for (uint32_t d = 0; d < m->digits; place *= alphabet->levels[d++]) {
        weigh(m, d);
        const int32_t value = sct_range_take(decoder, m->p, m->width);
        if (value < 0) return sct_fail(fault, SCT_DAMAGED, "its range code is invalid");
        outside |= (uint32_t)value >= alphabet->levels[d];
        if (outside) continue;
        learn(m, d, (uint32_t)value);
        *token += (uint32_t)value * place;
    }
    return !outside || sct_fail(fault, SCT_DAMAGED, "it holds a token outside the codebook");
}

static _Bool read_digits(int number, const sct_alphabet *alphabet, sct_range_decoder *decoder,
                         uint32_t *tokens, size_t count, sct_fault *fault) {
    model m;
    if (!begin(&m, alphabet, number))
        return sct_fail(fault, SCT_NO_MEMORY, "there is not enough memory");
    _Bool good = 1;
    for (size_t n = 0; good && n < count; n++)
        good = take_digits(&m, alphabet, decoder, tokens + n, fault);
    free(m.counts);
    return good;
}

static _Bool read_uniform(const sct_alphabet *alphabet, sct_range_decoder *decoder,
                          uint32_t *tokens, size_t count, sct_fault *fault) {
    for (size_t n = 0; n < count; n++) {
        const int32_t token = sct_range_take_uniform(decoder, alphabet->codebook_size);
        if (token < 0) return sct_fail(fault, SCT_DAMAGED, "its range code is invalid");
        tokens[n] = (uint32_t)token;
    }
    return 1;
}

_Bool sct_adaptive_read(const sct_alphabet *alphabet, const uint8_t *data, size_t size,
                        uint32_t *tokens, size_t count, sct_fault *fault) {
    if (!size) return sct_fail(fault, SCT_DAMAGED, "its entropy model is missing");
    if ((size - 1) % 4)
        return sct_fail(fault, SCT_DAMAGED, "its range code is not made of 32-bit words");
    sct_range_decoder decoder;
    sct_range_open(&decoder, data + 1, size - 1, SCT_WORDS);
    const int number = data[0];
    if (number == UNIFORM) return read_uniform(alphabet, &decoder, tokens, count, fault);
    if (number < models(alphabet))
        return read_digits(number, alphabet, &decoder, tokens, count, fault);
    if (number == ORDER0)
        return sct_fail(fault, SCT_DAMAGED,
                        "its entropy model is for digits of at most %d values, and the header "
                        "says %lu",
                        SCT_MAX_ADAPTIVE_LEVEL, (unsigned long)widest(alphabet));
    return sct_fail(fault, SCT_DAMAGED, "its entropy model %d does not exist", number);
}
