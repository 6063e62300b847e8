#include "facts.h"

#include <string.h>

const uint8_t sct_magic[4] = {0x89, 'S', 'C', 'T'};

/* Numbers are given once and for ever. */
typedef struct {
    uint32_t sample_rate, frame_size, codebook_size, num_codebooks, levels, level, voice_size;
} profile;
static const profile profiles[] = {
    {22050, 1024, 6561, 1, 8, 3, 64}, {22050, 256, 6561, 1, 8, 3, 64}, {16000, 320, 1024, 1, 0, 0, 0}};
enum { PROFILES = sizeof profiles / sizeof *profiles };

/* Codes 2 to 10 of the recording's rate; 0: unknown, 1: the codec's own, 15: a varint follows. */
static const uint32_t rates[] = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000};
enum { RATES = sizeof rates / sizeof *rates, OWN = 1, FIRST_RATE = 2, OTHER = 15 };
enum { HAS_VOICE = 1 << 4, FORM = 6, PROFILE = 0x1F, PAYLOAD = 5 };

static _Bool take_number(sct_cursor *cursor, const char *name, uint32_t *value) {
    int64_t number;
    if (!sct_take_varint(cursor, name, INT64_MAX, &number)) return 0;
    /* What no limit allows stays beyond them all. */
    *value = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
    return 1;
}

static _Bool take_levels(sct_cursor *cursor, sct_header *header) {
    int64_t count;
    if (!sct_take_varint(cursor, "levels", SCT_MAX_LEVELS, &count)) return 0;
    header->num_levels = (uint32_t)count;
    for (uint32_t i = 0; i < header->num_levels; i++)
        if (!take_number(cursor, "level", &header->levels[i])) return 0;
    return 1;
}

static _Bool take_codec(sct_cursor *cursor, sct_header *header) {
    return take_number(cursor, "sample_rate", &header->sample_rate) &&
           take_number(cursor, "frame_size", &header->frame_size) &&
           take_number(cursor, "codebook_size", &header->codebook_size) &&
           take_number(cursor, "num_codebooks", &header->num_codebooks) &&
           take_levels(cursor, header) &&
           take_number(cursor, "numbers in a voice", &header->voice_size);
}

static _Bool known_codec(int number, sct_header *header, sct_fault *fault) {
    if (number > PROFILES)
        return sct_fail(fault, SCT_NEWER, "its profile %d needs a newer secousti", number);
    const profile *p = &profiles[number - 1];
    header->sample_rate = p->sample_rate;
    header->frame_size = p->frame_size;
    header->codebook_size = p->codebook_size;
    header->num_codebooks = p->num_codebooks;
    header->num_levels = p->levels;
    for (uint32_t i = 0; i < p->levels; i++) header->levels[i] = p->level;
    header->voice_size = p->voice_size;
    return 1;
}

static _Bool take_payload(uint8_t kind, sct_header *header, sct_fault *fault) {
    const int number = kind >> PAYLOAD & 3;
    header->payload = (sct_payload)number;
    return number <= SCT_LEARNED ||
           sct_fail(fault, SCT_NEWER, "its payload needs a newer secousti");
}

static _Bool take_rate(sct_cursor *cursor, int code, sct_header *header) {
    if (code == OWN) header->source_sample_rate = header->sample_rate;
    if (code <= OWN) return 1;
    if (code == OTHER) {
        if (!take_number(cursor, "Hz of the recording", &header->source_sample_rate)) return 0;
        /* 0 is no rate, and here no "unknown" either. */
        if (!header->source_sample_rate) header->source_sample_rate = 1;
        return 1;
    }
    if (code >= FIRST_RATE + RATES)
        return sct_fail(cursor->fault, SCT_NEWER,
                        "its code %d for a sample rate needs a newer secousti", code);
    header->source_sample_rate = rates[code - FIRST_RATE];
    return 1;
}

static _Bool take_hashes(sct_cursor *cursor, uint8_t kind, uint8_t flags, sct_header *header) {
    const size_t tokens = header->whole ? SCT_KEPT_TOKEN_HASH : SCT_HASH;
    const size_t voices = header->whole ? SCT_KEPT_VOICE_HASH : SCT_HASH;
    if (!sct_take(cursor, header->token_hash, tokens)) return 0;
    if (flags & HAS_VOICE && !sct_take(cursor, header->voice_hash, voices)) return 0;
    if (header->whole) return 1;
    if (!take_payload(kind, header, cursor->fault)) return 0;
    return header->payload != SCT_LEARNED ||
           sct_take(cursor, header->coder_hash, sizeof header->coder_hash);
}

_Bool sct_take_facts(sct_cursor *cursor, uint8_t version, sct_header *header, uint8_t *flags) {
    *header = (sct_header){.num_samples = -1, .whole = version != SCT_VERSION};
    uint8_t kind = version;
    if (!header->whole && !sct_take_byte(cursor, &kind)) return 0;
    if (!sct_take_byte(cursor, flags)) return 0;
    if (!take_hashes(cursor, kind, *flags, header)) return 0;
    const int number = kind & PROFILE;
    const _Bool codec = number ? known_codec(number, header, cursor->fault)
                               : take_codec(cursor, header);
    if (!codec || !take_payload(kind, header, cursor->fault)) return 0;
    if (!(*flags & HAS_VOICE)) header->voice_size = 0;
    header->voice_form = *flags >> FORM;
    return take_rate(cursor, *flags & 0xF, header);
}

static uint32_t profile_of(const sct_header *h) {
    for (uint32_t n = 0; n < PROFILES; n++) {
        const profile *p = &profiles[n];
        _Bool same = p->sample_rate == h->sample_rate && p->frame_size == h->frame_size &&
                     p->codebook_size == h->codebook_size &&
                     p->num_codebooks == h->num_codebooks && p->levels == h->num_levels &&
                     (!h->voice_size || h->voice_size == p->voice_size);
        for (uint32_t i = 0; same && i < p->levels; i++) same = h->levels[i] == p->level;
        if (same) return n + 1;
    }
    return 0;
}

static uint32_t rate_code(const sct_header *header) {
    if (!header->source_sample_rate) return 0;
    if (header->source_sample_rate == header->sample_rate) return OWN;
    for (uint32_t i = 0; i < RATES; i++)
        if (rates[i] == header->source_sample_rate) return FIRST_RATE + i;
    return OTHER;
}

static uint8_t *put_codec(const sct_header *header, uint8_t *out) {
    out += sct_put_varint(out, header->sample_rate);
    out += sct_put_varint(out, header->frame_size);
    out += sct_put_varint(out, header->codebook_size);
    out += sct_put_varint(out, header->num_codebooks);
    out += sct_put_varint(out, header->num_levels);
    for (uint32_t i = 0; i < header->num_levels; i++)
        out += sct_put_varint(out, header->levels[i]);
    return out + sct_put_varint(out, header->voice_size);
}

static uint8_t *put_hashes(const sct_header *header, uint8_t *out) {
    const size_t tokens = header->whole ? SCT_KEPT_TOKEN_HASH : SCT_HASH;
    const size_t voices = header->whole ? SCT_KEPT_VOICE_HASH : SCT_HASH;
    memcpy(out, header->token_hash, tokens);
    out += tokens;
    if (header->voice_size) {
        memcpy(out, header->voice_hash, voices);
        out += voices;
    }
    if (header->whole || header->payload != SCT_LEARNED) return out;
    memcpy(out, header->coder_hash, sizeof header->coder_hash);
    return out + sizeof header->coder_hash;
}

size_t sct_put_facts(const sct_header *header, _Bool more, uint8_t out[SCT_MOST_FACTS]) {
    uint8_t *at = out;
    const uint32_t number = profile_of(header), code = rate_code(header);
    const uint8_t kind = (uint8_t)((uint32_t)header->payload << PAYLOAD | number);
    memcpy(at, sct_magic, sizeof sct_magic);
    at += sizeof sct_magic;
    if (!header->whole) *at++ = SCT_VERSION;
    *at++ = header->whole ? kind | SCT_WHOLE : kind;
    *at++ = (uint8_t)(code | (header->voice_size ? HAS_VOICE : 0) | (more ? SCT_MORE : 0) |
                      header->voice_form << FORM);
    at = put_hashes(header, at);
    if (!number) at = put_codec(header, at);
    if (code == OTHER) at += sct_put_varint(at, header->source_sample_rate);
    return (size_t)(at - out);
}
