#include "runs.h"

#include <stdio.h>
#include <string.h>

#include "adaptive.h"
#include "bits.h"

static const sct_network *network_of(const sct_header *header, const sct_coder *coder) {
    return coder && header->payload == SCT_LEARNED ? coder->network : NULL;
}

/* The digits of a token: its levels, or the whole codebook as one. */
static sct_alphabet alphabet_of(const sct_header *header) {
    if (header->num_levels)
        return (sct_alphabet){header->codebook_size, header->num_levels, header->levels};
    return (sct_alphabet){header->codebook_size, 1, &header->codebook_size};
}

_Bool sct_runs_begin(sct_runs *runs, const sct_header *header, const sct_coder *coder,
                     sct_fault *fault) {
    const _Bool bound = header->payload == SCT_LEARNED && !header->whole;
    if (coder && bound && memcmp(coder->hash, header->coder_hash, sizeof coder->hash)) coder = NULL;
    *runs = (sct_runs){.header = header, .coder = coder};
    const sct_network *network = network_of(header, coder);
    if (!network) return 1;
    runs->state = sct_tokens_new(network);
    return runs->state || sct_fail(fault, SCT_NO_MEMORY, "there is not enough memory");
}

void sct_runs_end(sct_runs *runs) { sct_tokens_free(runs->state); }

void sct_runs_restart(sct_runs *runs) {
    if (runs->state) sct_tokens_restart(runs->state);
}

size_t sct_runs_size(const sct_header *header, size_t frames) {
    return sct_packed_size(frames * header->num_codebooks, header->codebook_size);
}

/* Bytes of one code of so many tokens. */
static size_t coded_room(const sct_header *header, const sct_coder *coder, size_t count) {
    const sct_alphabet alphabet = alphabet_of(header);
    const sct_network *network = network_of(header, coder);
    if (header->payload == SCT_ADAPTIVE) return sct_adaptive_room(&alphabet, count);
    return network ? sct_tokens_room(network, count) : 0;
}

size_t sct_runs_room(const sct_header *header, const sct_coder *coder, size_t frames) {
    const size_t coded = coded_room(header, coder, frames * header->num_codebooks);
    return sct_runs_size(header, frames) + 2 * coded;
}

_Bool sct_runs_store(sct_runs *runs, const uint32_t *tokens, size_t frames, uint8_t *scratch,
                     const uint8_t **data, size_t *size, sct_fault *fault) {
    const sct_header *header = runs->header;
    const size_t count = frames * header->num_codebooks, packed = sct_runs_size(header, frames);
    uint8_t *coded = scratch + packed;
    size_t less = packed;
    if (runs->state) less = sct_tokens_store(runs->state, tokens, count, coded);
    if (header->payload == SCT_ADAPTIVE) {
        const sct_alphabet alphabet = alphabet_of(header);
        uint8_t *other = coded + coded_room(header, runs->coder, count);
        less = sct_adaptive_store(&alphabet, tokens, count, coded, other, fault);
    }
    if (fault->verdict != SCT_SOUND) return 0;
    sct_pack(tokens, count, header->codebook_size, scratch);
    *size = less < packed ? less : packed;
    *data = less < packed ? coded : scratch;
    return 1;
}

static _Bool read_learned(sct_runs *runs, const uint8_t *data, size_t size, size_t count,
                          uint32_t *tokens, sct_fault *fault) {
    const uint32_t most = runs->header->codebook_size;
    if (!runs->state) return sct_missing_coder(runs->header, fault);
    if (!sct_tokens_read(runs->state, data, size, tokens, count))
        return sct_fail(fault, SCT_DAMAGED, "its range code is invalid");
    for (size_t i = 0; i < count; i++)
        if (tokens[i] >= most)
            return sct_fail(fault, SCT_DAMAGED, "its entropy coder is not for %lu tokens",
                            (unsigned long)most);
    return 1;
}

static _Bool read_coded(sct_runs *runs, const uint8_t *data, size_t size, size_t count,
                        uint32_t *tokens, sct_fault *fault) {
    const sct_alphabet alphabet = alphabet_of(runs->header);
    switch (runs->header->payload) {
    case SCT_LEARNED: return read_learned(runs, data, size, count, tokens, fault);
    case SCT_ADAPTIVE: return sct_adaptive_read(&alphabet, data, size, tokens, count, fault);
    default: return sct_fail(fault, SCT_DAMAGED, "it is coded in a file that says it is not");
    }
}

_Bool sct_runs_read(sct_runs *runs, const uint8_t *data, size_t size, size_t frames,
                    uint32_t *tokens, sct_fault *fault) {
    const size_t count = frames * runs->header->num_codebooks;
    if (size < sct_runs_size(runs->header, frames))
        return read_coded(runs, data, size, count, tokens, fault);
    if (!sct_unpack(data, count, runs->header->codebook_size, tokens, fault)) return 0;
    if (runs->state) sct_tokens_pass(runs->state, tokens, count);
    return 1;
}

static void hex(const uint8_t *data, size_t size, char *out) {
    for (size_t i = 0; i < size; i++) snprintf(out + 2 * i, 3, "%02x", data[i]);
}

_Bool sct_missing_coder(const sct_header *header, sct_fault *fault) {
    char tokens[2 * SCT_HASH + 1], coder[2 * sizeof header->coder_hash + 1];
    hex(header->token_hash, header->whole ? 4 : SCT_HASH, tokens);
    hex(header->coder_hash, sizeof header->coder_hash, coder);
    return sct_fail(fault, SCT_NEWER,
                    "its tokens are coded with the entropy coder%s%s of a model with token hash "
                    "%s, which is not at hand: name that model",
                    header->whole ? "" : " ", header->whole ? "" : coder, tokens);
}

size_t sct_store_voice(const sct_header *header, const sct_coder *coder, const int8_t *voice,
                       int place, uint8_t *out) {
    if (header->voice_form) return sct_voice_store(coder->voice, voice, place, out);
    memcpy(out, voice, header->voice_size);
    return header->voice_size;
}

static _Bool read_plain(const sct_header *header, const uint8_t *data, size_t size, int8_t *voice,
                        sct_fault *fault) {
    _Bool good = size == header->voice_size;
    for (size_t i = 0; good && i < size; i++) good = data[i] != 0x80; /* -128 */
    if (good) {
        memcpy(voice, data, size);
        return 1;
    }
    return sct_fail(fault, SCT_DAMAGED, "it does not hold %lu numbers in -127..127",
                    (unsigned long)header->voice_size);
}

_Bool sct_read_voice(const sct_header *header, const sct_coder *coder, const uint8_t *data,
                     size_t size, int8_t *voice, uint32_t *found, sct_fault *fault) {
    *found = 0;
    if (!header->voice_size)
        return sct_fail(fault, SCT_DAMAGED, "it is a voice in a file that says it has none");
    if (!header->voice_form) {
        *found = header->voice_size;
        return read_plain(header, data, size, voice, fault);
    }
    if (!coder || !coder->voice) return 1;
    if (!sct_voice_read(coder->voice, data, size, voice))
        return sct_fail(fault, SCT_DAMAGED,
                        "its voice cannot be decoded (%lu bytes, and a voice has 8, 16 or 24)",
                        (unsigned long)size);
    *found = coder->voice->size;
    if (*found == header->voice_size) return 1;
    return sct_fail(fault, SCT_DAMAGED, "its voice is %lu numbers, and the header says %lu",
                    (unsigned long)*found, (unsigned long)header->voice_size);
}
