#include "wav_format.h"

#include <string.h>

#include "bounds.h"

enum { PCM = 1, FLOAT = 3, EXTENSIBLE = 0xFFFE, MOST_CHANNELS = 256, LEAST_FORMAT = 16 };

_Bool sct_peek(sct_ahead *ahead, size_t size, const uint8_t **data, size_t *found) {
    if (ahead->end - ahead->first < size && ahead->first) {
        memmove(ahead->data, ahead->data + ahead->first, ahead->end - ahead->first);
        ahead->end -= ahead->first;
        ahead->first = 0;
    }
    while (ahead->end - ahead->first < size) {
        const size_t room = sizeof ahead->data - ahead->end;
        const ptrdiff_t more =
            ahead->source.read(ahead->source.self, ahead->data + ahead->end, room);
        if (more < 0) return sct_fail(ahead->fault, SCT_UNREADABLE, "it cannot be read");
        if (more == 0) break;
        ahead->end += (size_t)more;
    }
    *data = ahead->data + ahead->first;
    *found = ahead->end - ahead->first < size ? ahead->end - ahead->first : size;
    return 1;
}

void sct_drop(sct_ahead *ahead, size_t size) {
    ahead->first += size;
    ahead->used += (int64_t)size;
}

_Bool sct_skip(sct_ahead *ahead, uint64_t size) {
    const uint8_t *data;
    for (size_t found; size; size -= found) {
        if (!sct_peek(ahead, size < 4096 ? (size_t)size : 4096, &data, &found)) return 0;
        if (!found) break;
        sct_drop(ahead, found);
    }
    return 1;
}

static _Bool exactly(sct_ahead *ahead, size_t size, uint8_t *out) {
    const uint8_t *data;
    size_t found;
    if (!sct_peek(ahead, size, &data, &found)) return 0;
    if (found < size)
        return sct_fail(ahead->fault, SCT_CUT_SHORT, "it is cut short: it ends in the WAV header");
    memcpy(out, data, size);
    sct_drop(ahead, size);
    return 1;
}

static _Bool is(const uint8_t *name, const char *wanted) { return !memcmp(name, wanted, 4); }

static _Bool begins_wav(const uint8_t *name) {
    return is(name, "RIFF") || is(name, "RF64") || is(name, "BW64");
}

static _Bool open_riff(sct_ahead *ahead) {
    uint8_t begun[12];
    const uint8_t *data;
    size_t found;
    if (!sct_peek(ahead, 4, &data, &found)) return 0;
    if (!found) return sct_fail(ahead->fault, SCT_REFUSED, "it is not audio: it is empty");
    if (found < 4 || !begins_wav(data))
        return sct_fail(ahead->fault, SCT_REFUSED,
                        "it is not WAV, and other audio is not read here: convert it to WAV");
    if (!exactly(ahead, sizeof begun, begun)) return 0;
    return is(begun + 8, "WAVE") ||
           sct_fail(ahead->fault, SCT_REFUSED, "it is a RIFF stream, but not WAV");
}

static _Bool known(const sct_wav_format *format, uint32_t coding) {
    if (coding == FLOAT)
        return (format->container == 4 || format->container == 8) &&
               format->bits == 8 * format->container;
    return coding == PCM && format->container >= 1 && format->container <= 4 && format->bits > 0 &&
           format->bits <= 8 * format->container;
}

/* What a `fmt ` chunk says, of which `size` bytes are at `body`. */
static _Bool parse(const uint8_t *body, size_t size, sct_wav_format *format, sct_fault *fault) {
    if (size < LEAST_FORMAT)
        return sct_fail(fault, SCT_DAMAGED, "it has an impossible WAV header");
    uint32_t coding = (uint32_t)sct_little(body, 2);
    const uint32_t align = (uint32_t)sct_little(body + 12, 2);
    if (coding == EXTENSIBLE && size >= 26) coding = (uint32_t)sct_little(body + 24, 2);
    format->channels = (uint32_t)sct_little(body + 2, 2);
    format->sample_rate = (uint32_t)sct_little(body + 4, 4);
    format->bits = (uint32_t)sct_little(body + 14, 2);
    format->is_float = coding == FLOAT;
    const uint32_t channels = format->channels;
    if (!channels || channels > MOST_CHANNELS || align % channels)
        return sct_fail(fault, SCT_DAMAGED,
                        "it has an impossible WAV header: %lu channels in blocks of %lu bytes",
                        (unsigned long)channels, (unsigned long)align);
    format->container = align ? align / channels : (format->bits + 7) / 8;
    if (!known(format, coding))
        return sct_fail(fault, SCT_REFUSED,
                        "it is WAV of coding %lu with %lu bits in %lu bytes; PCM and float are "
                        "read: convert it",
                        (unsigned long)coding, (unsigned long)format->bits,
                        (unsigned long)format->container);
    if (format->sample_rate >= SCT_MIN_RATE && format->sample_rate <= SCT_MAX_RATE) return 1;
    return sct_fail(fault, SCT_REFUSED, "its sample rate must be %d to %d Hz, found %lu",
                    SCT_MIN_RATE, SCT_MAX_RATE, (unsigned long)format->sample_rate);
}

/* Whether programs write this number for a length that they do not know yet, each less or more the
   size of a header (secousti/audio/riff.py says which). */
static _Bool is_placeholder(uint64_t size) {
    return size == 0 || (size >= 0x7FFF0000 && size <= 0x8000FFFF) || size >= 0xFFFF0000;
}

/* With "length 0" before one of these, or before nothing, there is no audio. */
static _Bool nothing_follows(sct_ahead *ahead, _Bool *nothing) {
    static const char trailers[][5] = {"LIST", "bext", "iXML", "axml", "id3 ",
                                       "ID3 ", "fact", "cue ", "PEAK", "JUNK"};
    const uint8_t *data;
    size_t found;
    if (!sct_peek(ahead, 8, &data, &found)) return 0;
    *nothing = found < 8;
    for (size_t i = 0; found == 8 && i < sizeof trailers / sizeof *trailers; i++)
        *nothing |= is(data, trailers[i]);
    return 1;
}

/* Bytes of audio; -1 when the header holds one of the numbers for "not known". */
static _Bool audio_bytes(sct_ahead *ahead, int64_t there, uint64_t size, int64_t long_size,
                         const sct_wav_format *format, int64_t *bytes) {
    _Bool unknown = is_placeholder(size), nothing;
    if (size == UINT32_MAX && long_size >= 0) {
        size = (uint64_t)long_size;
        unknown = size == 0 || size >> 62;
    }
    if (size == 0) {
        if (!nothing_follows(ahead, &nothing)) return 0;
        *bytes = nothing ? 0 : -1;
        return 1;
    }
    const uint64_t frame = (uint64_t)format->channels * format->container;
    const _Bool fits = there >= 0 && size <= (uint64_t)(there - ahead->used);
    *bytes = unknown && !fits ? -1 : (int64_t)(size / frame * frame);
    return 1;
}

/* Some programs leave the padding of odd chunks out: what is no zero is the next chunk. */
static _Bool skip_chunk(sct_ahead *ahead, uint64_t size) {
    const uint8_t *data;
    size_t found = 0;
    if (!sct_skip(ahead, size)) return 0;
    if (size % 2 && !sct_peek(ahead, 1, &data, &found)) return 0;
    if (found && !*data) sct_drop(ahead, 1);
    return 1;
}

static _Bool read_chunk(sct_ahead *ahead, const uint8_t *name, uint64_t size,
                        sct_wav_format *format, int64_t *long_size) {
    const uint8_t *body;
    size_t found;
    const size_t wanted = size < 32 ? (size_t)size : 32;
    if (!sct_peek(ahead, wanted, &body, &found)) return 0;
    const _Bool is_format = is(name, "fmt "), is_long = is(name, "ds64") && size >= 16;
    if ((is_format || is_long) && found < wanted)
        return sct_fail(ahead->fault, SCT_CUT_SHORT, "it is cut short: it ends in the WAV header");
    if (is_format && !parse(body, found, format, ahead->fault)) return 0;
    if (is_long) {
        const uint64_t told = sct_little(body + 8, 8);
        *long_size = told > INT64_MAX ? INT64_MAX : (int64_t)told;
    }
    return skip_chunk(ahead, size);
}

_Bool sct_wav_format_read(sct_ahead *ahead, int64_t there, sct_wav_format *format,
                          int64_t *bytes) {
    int64_t long_size = -1;
    uint8_t head[8];
    *format = (sct_wav_format){0};
    if (!open_riff(ahead)) return 0;
    while (exactly(ahead, sizeof head, head)) {
        const uint64_t size = sct_little(head + 4, 4);
        if (!is(head, "data")) {
            if (!read_chunk(ahead, head, size, format, &long_size)) return 0;
        } else if (format->channels) {
            return audio_bytes(ahead, there, size, long_size, format, bytes);
        } else {
            return sct_fail(ahead->fault, SCT_DAMAGED, "it has no WAV format before its audio");
        }
    }
    return 0;
}

_Bool sct_wav_rest(sct_ahead *ahead) {
    const uint8_t *data;
    size_t found;
    for (;;) {
        if (!sct_peek(ahead, 9, &data, &found)) return 0;
        /* a byte of padding after an odd number of bytes of audio */
        const size_t pad = found == 9 && (!*data || begins_wav(data + 1));
        if (found >= 8 && begins_wav(data + pad))
            return sct_fail(ahead->fault, SCT_REFUSED,
                            "it is several WAV files one after another: give them apart");
        sct_drop(ahead, pad);
        if (!sct_peek(ahead, 8, &data, &found)) return 0;
        const uint32_t name = (uint32_t)sct_little(data, 4);
        if (found < 8 || name & 0x80808080) return sct_skip(ahead, UINT64_MAX); /* no chunk */
        const uint64_t size = sct_little(data + 4, 4);
        sct_drop(ahead, 8);
        if (!sct_skip(ahead, size)) return 0;
    }
}
