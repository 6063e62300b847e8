#include "range_code.h"

#include "cursor.h"

enum { BITS = 24, WORD = 4, STATE = 8 }; /* bits of a bound; bytes */

/* The library makes whole numbers out of 2^24 of probabilities, none of them 0. */
static uint64_t bound(uint32_t i, uint32_t before, uint32_t size) {
    if (i == size) return (uint64_t)1 << BITS;
    const uint64_t room = ((uint64_t)1 << BITS) - size;
    return (before * room >> SCT_PROBABILITY) + i;
}

size_t sct_range_room(size_t symbols) { return symbols * (BITS / 8) + 2 * STATE; }

void sct_range_begin(sct_range_encoder *encoder, uint8_t *out) {
    *encoder = (sct_range_encoder){.out = out, .span = UINT64_MAX};
}

static void carry(uint8_t *out, size_t size) {
    while (size-- > 0)
        if (++out[size]) return;
}

static void put_big(uint8_t *out, uint64_t value, size_t size) {
    for (; size-- > 0; value >>= 8) out[size] = (uint8_t)value;
}

static void narrow(sct_range_encoder *encoder, uint64_t first, uint64_t stop) {
    const uint64_t scale = encoder->span >> BITS, before = encoder->low;
    encoder->low += scale * first;
    encoder->span = scale * (stop - first);
    if (encoder->low < before) carry(encoder->out, encoder->size);
    if (encoder->span >> 32) return;
    put_big(encoder->out + encoder->size, encoder->low >> 32, WORD);
    encoder->size += WORD;
    encoder->low <<= 32;
    encoder->span <<= 32;
}

void sct_range_put(sct_range_encoder *encoder, uint32_t i, uint32_t before, uint32_t p,
                   uint32_t size) {
    narrow(encoder, bound(i, before, size), bound(i + 1, before + p, size));
}

static uint64_t uniform_bound(uint32_t i, uint32_t size) {
    const uint64_t all = (uint64_t)1 << BITS;
    return i == size ? all : i * (all / size);
}

void sct_range_put_uniform(sct_range_encoder *encoder, uint32_t i, uint32_t size) {
    narrow(encoder, uniform_bound(i, size), uniform_bound(i + 1, size));
}

/* Bytes before the trailing ones that are all `byte`. */
static size_t without(const uint8_t *out, size_t size, uint8_t byte) {
    while (size > 0 && out[size - 1] == byte) size--;
    return size;
}

/* The fraction with the fewest bytes in the interval: low, rounded up while that stays within. */
static size_t end_fraction(sct_range_encoder *encoder) {
    uint8_t *out = encoder->out;
    const uint64_t low = encoder->low;
    size_t size = encoder->size;
    put_big(out + size, low, STATE);
    if (low == 0) return without(out, size, 0);
    if (0 - low < encoder->span) {
        size = without(out, size, 0xFF); /* bytes that the carry makes zeros */
        carry(out, size);
        return size;
    }
    for (int left = 8 * (STATE - 1);; left -= 8) {
        const uint64_t step = (uint64_t)1 << left, rest = low & (step - 1);
        size++;
        if (rest && step - rest >= encoder->span) continue;
        if (rest) carry(out, size);
        return size;
    }
}

/* As the library ends: a fraction that any bytes may follow. */
static size_t end_words(sct_range_encoder *encoder) {
    const uint64_t point = encoder->low + UINT32_MAX;
    if (point < encoder->low) carry(encoder->out, encoder->size);
    const uint32_t word = (uint32_t)(point >> 32);
    const uint32_t upper = (uint32_t)((encoder->low + encoder->span) >> 32);
    put_big(encoder->out + encoder->size, word, WORD);
    encoder->size += WORD;
    if (upper == word) {
        put_big(encoder->out + encoder->size, 0, WORD);
        encoder->size += WORD;
    }
    for (size_t i = 0; i < encoder->size; i += WORD) {
        uint32_t value = 0;
        for (size_t j = 0; j < WORD; j++) value = value << 8 | encoder->out[i + j];
        sct_put_little(encoder->out + i, value, WORD);
    }
    return encoder->size;
}

size_t sct_range_end(sct_range_encoder *encoder, sct_byte_order order) {
    return order == SCT_FRACTION ? end_fraction(encoder) : end_words(encoder);
}

static uint32_t next_word(sct_range_decoder *decoder) {
    uint32_t word = 0;
    for (int i = 0; i < WORD; i++) {
        const uint32_t byte = decoder->at < decoder->size ? decoder->data[decoder->at++] : 0;
        word |= byte << 8 * (decoder->order == SCT_WORDS ? i : WORD - 1 - i);
    }
    return word;
}

void sct_range_open(sct_range_decoder *decoder, const uint8_t *data, size_t size,
                    sct_byte_order order) {
    *decoder = (sct_range_decoder){.data = data, .size = size, .order = order, .span = UINT64_MAX};
    decoder->point = (uint64_t)next_word(decoder) << 32;
    decoder->point |= next_word(decoder);
}

/* Where in 0 to 2^24 the code lies. */
static uint64_t quantile(const sct_range_decoder *decoder) {
    return (decoder->point - decoder->low) / (decoder->span >> BITS);
}

static void go_into(sct_range_decoder *decoder, uint64_t first, uint64_t stop) {
    const uint64_t scale = decoder->span >> BITS;
    decoder->low += scale * first;
    decoder->span = scale * (stop - first);
    if (decoder->span >> 32) return;
    decoder->low <<= 32;
    decoder->span <<= 32;
    decoder->point = decoder->point << 32 | next_word(decoder);
}

int32_t sct_range_take(sct_range_decoder *decoder, const uint32_t *p, uint32_t size) {
    const uint64_t q = quantile(decoder);
    if (q >> BITS) return -1;
    uint32_t before = 0, i = 0;
    uint64_t first = 0, stop = bound(1, p[0], size);
    while (stop <= q) {
        before += p[i++];
        first = stop;
        stop = bound(i + 1, before + p[i], size);
    }
    go_into(decoder, first, stop);
    return (int32_t)i;
}

int32_t sct_range_take_uniform(sct_range_decoder *decoder, uint32_t size) {
    const uint64_t q = quantile(decoder);
    if (q >> BITS) return -1;
    const uint64_t each = ((uint64_t)1 << BITS) / size;
    const uint32_t i = q / each < size ? (uint32_t)(q / each) : size - 1;
    go_into(decoder, uniform_bound(i, size), uniform_bound(i + 1, size));
    return (int32_t)i;
}
