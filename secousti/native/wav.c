#include "wav.h"

#include <stdlib.h>
#include <string.h>

#include "wav_format.h"

enum { SURE = 8 }; /* samples that are not zero, before it is settled which bits count */
enum { BLOCK = 1 << 15, FULL_SCALE = 32767 };
static const float loudest = 2; /* lossy decoders overshoot full scale, by 6 dB at the very most */

struct sct_wav {
    sct_fault fault;
    sct_wav_format format;
    int64_t frames, left; /* announced; bytes that are left, -1: not known */
    uint64_t given;       /* samples */
    enum { UNSETTLED, HIGH, LOW } place; /* of the bits that count in their container */
    _Bool ended;
    int32_t values[BLOCK]; /* of all channels, at the top of 32 bits; or the bits of floats */
    sct_ahead ahead;
};

sct_verdict sct_wav_open(sct_source source, int64_t there, sct_wav **wav) {
    sct_wav *made = *wav = malloc(sizeof *made);
    if (!made) return SCT_NO_MEMORY;
    memset(made, 0, offsetof(sct_wav, values));
    made->ahead.source = source;
    made->ahead.fault = &made->fault;
    made->ahead.used = 0;
    made->ahead.first = made->ahead.end = 0;
    made->frames = -1;
    if (!sct_wav_format_read(&made->ahead, there, &made->format, &made->left))
        return made->fault.verdict;
    const sct_wav_format *format = &made->format;
    if (made->left >= 0) made->frames = made->left / (format->channels * format->container);
    if (format->is_float || format->bits == 8 * format->container) made->place = HIGH;
    return SCT_SOUND;
}

void sct_wav_close(sct_wav *wav) { free(wav); }
const sct_fault *sct_wav_fault(const sct_wav *wav) { return &wav->fault; }
uint32_t sct_wav_rate(const sct_wav *wav) { return wav->format.sample_rate; }
int64_t sct_wav_frames(const sct_wav *wav) { return wav->frames; }

/* Whether what stands above the low bits repeats their sign, or is zero throughout. */
static _Bool may_be_low(const int32_t *values, size_t count, uint32_t empty) {
    _Bool repeats = 1, zero = 1;
    for (size_t i = 0; i < count; i++) {
        const int32_t shifted = (int32_t)((uint32_t)values[i] << empty);
        repeats &= shifted >> empty == values[i];
        zero &= (uint32_t)values[i] >> (32 - empty) == 0;
    }
    return repeats || zero;
}

/* Where fewer bits count than the container holds, they are its high ones (the WAV standard) or its
   low ones (ALSA's S24_LE): the samples themselves tell which, as the rest is empty. */
static _Bool place(sct_wav *wav, size_t count) {
    const uint32_t size = 8 * wav->format.container, empty = size - wav->format.bits;
    int32_t *values = wav->values;
    size_t sounding = 0;
    _Bool low = 0;
    for (size_t i = 0; i < count; i++) {
        low |= ((uint32_t)values[i] >> (32 - size) & ((1u << empty) - 1)) != 0;
        sounding += values[i] != 0;
    }
    if (low && !may_be_low(values, count, empty))
        return sct_fail(&wav->fault, SCT_DAMAGED,
                        "it announces %lu bits in %lu bytes a sample, but has more: its header is "
                        "wrong; convert it with a program that can read it",
                        (unsigned long)wav->format.bits, (unsigned long)wav->format.container);
    if (wav->place == UNSETTLED && sounding >= SURE) wav->place = low ? LOW : HIGH;
    if (low || wav->place == LOW)
        for (size_t i = 0; i < count; i++)
            values[i] = (int32_t)((uint32_t)values[i] << empty);
    return 1;
}

static float float_of(uint64_t bits, uint32_t container) {
    const uint32_t word = (uint32_t)bits;
    float single;
    double wide;
    memcpy(&single, &word, sizeof single);
    memcpy(&wide, &bits, sizeof wide);
    return container == 8 ? (float)wide : single;
}

/* Sample i of those in wav->values. */
static float sample(const sct_wav *wav, size_t i) {
    const int32_t value = wav->values[i];
    if (wav->format.is_float) return float_of((uint32_t)value, 4);
    if (wav->format.container == 1) return ((float)value - 128) / 128;
    return (float)value * 0x1p-31f;
}

/* Bytes -> wav->values. */
static _Bool unpack(sct_wav *wav, const uint8_t *data, size_t count) {
    const uint32_t size = wav->format.container;
    const _Bool narrow = size == 1, wide = size == 8;
    for (size_t i = 0; i < count; i++, data += size) {
        uint64_t bits = sct_little(data, size);
        if (wide) {
            const float single = float_of(bits, size);
            uint32_t word;
            memcpy(&word, &single, sizeof word);
            bits = word;
        } else if (!narrow) {
            bits <<= 32 - 8 * size;
        }
        wav->values[i] = (int32_t)(uint32_t)bits;
    }
    return narrow || wav->place == HIGH ? 1 : place(wav, count);
}

/* The sum of consecutive samples as NumPy's mean makes it: in eight parts, halves of many apart. */
static float sum(const sct_wav *wav, size_t first, size_t count) {
    float parts[8], all = 0;
    if (count > 128) {
        const size_t half = count / 2 - count / 2 % 8;
        return sum(wav, first, half) + sum(wav, first + half, count - half);
    }
    size_t i = 0;
    if (count >= 8) {
        for (; i < 8; i++) parts[i] = sample(wav, first + i);
        for (; i < count - count % 8; i++) parts[i % 8] += sample(wav, first + i);
        all = ((parts[0] + parts[1]) + (parts[2] + parts[3])) +
              ((parts[4] + parts[5]) + (parts[6] + parts[7]));
    }
    for (; i < count; i++) all += sample(wav, first + i);
    return all;
}

static _Bool mix(sct_wav *wav, float *out, size_t frames) {
    const size_t channels = wav->format.channels;
    for (size_t n = 0; n < frames; n++, wav->given++) {
        for (size_t c = 0; wav->format.is_float && c < channels; c++) {
            const float x = sample(wav, n * channels + c);
            if (!(x - x == 0))
                return sct_fail(&wav->fault, SCT_REFUSED,
                                "it has a NaN or infinite sample (first at index %llu)",
                                (unsigned long long)wav->given);
        }
        out[n] = sum(wav, n * channels, channels) / (float)channels;
        if (!(out[n] <= loudest && out[n] >= -loudest))
            return sct_fail(&wav->fault, SCT_REFUSED,
                            "it reaches %g, far beyond full scale: float samples lie in [-1, 1]",
                            (double)out[n]);
    }
    return 1;
}

/* Some of `count` samples, at least one but at the end. */
static _Bool read_some(sct_wav *wav, float *out, size_t count, size_t *found) {
    const size_t frame = wav->format.channels * wav->format.container;
    const size_t most = BLOCK / wav->format.container / wav->format.channels;
    uint64_t wanted = frame * (count < most ? count : most);
    const uint8_t *data;
    size_t there;
    if (wav->left >= 0 && wanted > (uint64_t)wav->left) wanted = (uint64_t)wav->left;
    if (!sct_peek(&wav->ahead, (size_t)wanted, &data, &there)) return 0;
    const size_t frames = there / frame;
    if (there < wanted && (wav->left > 0 || there % frame))
        return sct_fail(&wav->fault, SCT_CUT_SHORT,
                        "it is cut short: its WAV audio ends too early");
    if (!unpack(wav, data, frames * wav->format.channels) || !mix(wav, out, frames)) return 0;
    sct_drop(&wav->ahead, frames * frame);
    if (wav->left >= 0) wav->left -= (int64_t)(frames * frame);
    *found = frames;
    return 1;
}

sct_verdict sct_wav_read(sct_wav *wav, float *out, size_t count, size_t *found) {
    *found = 0;
    while (wav->fault.verdict == SCT_SOUND && !wav->ended && *found < count) {
        size_t more = 0;
        if (!read_some(wav, out + *found, count - *found, &more)) break;
        *found += more;
        wav->ended = !more && sct_wav_rest(&wav->ahead);
    }
    return wav->fault.verdict;
}

void sct_wav_header(uint32_t sample_rate, int64_t count, uint8_t out[SCT_WAV_HEADER]) {
    const _Bool known = count >= 0 && count <= (UINT32_MAX - 36) / 2;
    const uint32_t size = known ? (uint32_t)(2 * count) : UINT32_MAX;
    memcpy(out, "RIFF....WAVEfmt ", 16);
    sct_put_little(out + 4, known ? size + 36 : UINT32_MAX, 4);
    sct_put_little(out + 16, 16, 4);
    sct_put_little(out + 20, 1, 2); /* PCM */
    sct_put_little(out + 22, 1, 2); /* mono */
    sct_put_little(out + 24, sample_rate, 4);
    sct_put_little(out + 28, 2 * sample_rate, 4);
    sct_put_little(out + 32, 2, 2);
    sct_put_little(out + 34, 16, 2);
    memcpy(out + 36, "data", 4);
    sct_put_little(out + 40, size, 4);
}

/* To the nearest, of two equally near numbers the even one; |x| below 2^22. */
static int32_t nearest(float x) {
    int32_t low = (int32_t)x;
    low -= (float)low > x;
    const float above = x - (float)low;
    return low + (above > 0.5f || (above == 0.5f && low % 2));
}

void sct_wav_samples(const float *samples, size_t count, uint8_t *out) {
    for (size_t i = 0; i < count; i++) {
        const float x = samples[i] < -1 ? -1 : samples[i] <= 1 ? samples[i] : 1;
        sct_put_little(out + 2 * i, (uint16_t)nearest(x * FULL_SCALE), 2);
    }
}
