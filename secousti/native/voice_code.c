/* Voices in the code that came with a codec: amounts of the principal parts of many, each in as
   many bits as it is worth (secousti/entropy/voice.py). */

#include "coder.h"

enum { STEPS = 127 }; /* a voice's numbers are whole ones out of these */

static const size_t sizes[3] = {8, 16, 24};
/* Of the voices of a stream: the first ones, of little speech, are known roughly anyway. */
static const uint8_t schedule[4] = {0, 0, 1, 2};

static _Bool all_finite(const float *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(x[i] - x[i] == 0)) return 0;
    return 1;
}

_Bool sct_voice_code_sound(const sct_voice_code *code) {
    const size_t size = code->size;
    if (!size || size > SCT_MAX_HIDDEN) return 0;
    if (!all_finite(code->mean, size) || !all_finite(code->reach, size)) return 0;
    if (!all_finite(code->basis, size * size) || !all_finite(code->analysis, size * size)) return 0;
    for (int form = 0; form < 3; form++) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < code->size; i++) {
            const uint8_t bits = code->bits[(size_t)form * code->size + i];
            if (bits > 16) return 0;
            sum += bits;
        }
        if (sum != 8 * sizes[form]) return 0;
    }
    return 1;
}

/* How much of part i is in a voice, in [-1, 1] of its reach. */
static double amount(const sct_voice_code *code, const int8_t *voice, uint32_t i) {
    double sum = 0;
    for (uint32_t j = 0; j < code->size; j++) {
        const double apart = voice[j] / (double)STEPS - (double)code->mean[j];
        sum += (double)code->analysis[(size_t)i * code->size + j] * apart;
    }
    return sum / (double)code->reach[i];
}

static uint32_t quantized(double amount, uint32_t steps) {
    const double step = (amount + 1) / 2 * steps;
    if (!(step > 0)) return 0; /* NaN too */
    return step < steps - 1 ? (uint32_t)step : steps - 1;
}

/* Bits from `*at` on, the most significant of a byte first. */
static void put_bits(uint8_t *out, size_t *at, uint32_t value, uint32_t bits) {
    while (bits-- > 0) {
        const uint32_t bit = value >> bits & 1;
        out[*at / 8] |= (uint8_t)(bit << (7 - *at % 8));
        ++*at;
    }
}

static uint32_t take_bits(const uint8_t *data, size_t *at, uint32_t bits) {
    uint32_t value = 0;
    for (; bits-- > 0; ++*at) value = value << 1 | (data[*at / 8] >> (7 - *at % 8) & 1);
    return value;
}

size_t sct_voice_store(const sct_voice_code *code, const int8_t *voice, int place,
                       uint8_t out[SCT_CODED_VOICE]) {
    const int form = place < 0 || place > 3 ? 2 : schedule[place];
    const uint8_t *bits = code->bits + (size_t)form * code->size;
    size_t at = 0;
    for (size_t i = 0; i < SCT_CODED_VOICE; i++) out[i] = 0;
    for (uint32_t i = 0; i < code->size; i++)
        put_bits(out, &at, quantized(amount(code, voice, i), 1u << bits[i]), bits[i]);
    return sizes[form];
}

/* To the nearest whole number, of two equally near ones the even one. */
static int8_t step_of(double number) {
    const double x = number < -1 ? -STEPS : number > 1 ? STEPS : number * STEPS;
    int low = (int)x;
    low -= low > x;
    const double above = x - low;
    if (above > 0.5 || (above == 0.5 && low % 2)) low++;
    return (int8_t)low;
}

_Bool sct_voice_read(const sct_voice_code *code, const uint8_t *data, size_t size, int8_t *voice) {
    double sums[SCT_MAX_HIDDEN];
    int form = 0;
    while (form < 3 && sizes[form] != size) form++;
    if (form == 3) return 0;
    const uint8_t *bits = code->bits + (size_t)form * code->size;
    for (uint32_t j = 0; j < code->size; j++) sums[j] = (double)code->mean[j];
    size_t at = 0;
    for (uint32_t i = 0; i < code->size; i++) {
        const double steps = 1u << bits[i];
        const double share = (2 * take_bits(data, &at, bits[i]) + 1) / steps - 1;
        const double much = share * (double)code->reach[i];
        for (uint32_t j = 0; j < code->size; j++)
            sums[j] += much * (double)code->basis[(size_t)i * code->size + j];
    }
    for (uint32_t j = 0; j < code->size; j++) voice[j] = step_of(sums[j]);
    return 1;
}
