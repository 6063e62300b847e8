/* Packets without a container: speech for links that frame what they send. */

#include <string.h>

#include "checksum.h"
#include "runs.h"

enum { FRAMING = 2 };

static size_t voice_bytes(const sct_header *header) {
    if (!header->voice_size) return 0;
    return header->voice_form ? SCT_CODED_VOICE : header->voice_size;
}

/* CRC-8 of what made the tokens, of the coder, and of all but the checksum itself. */
static uint8_t checksum(const sct_header *header, const sct_coder *coder, const uint8_t *data,
                        size_t size) {
    uint8_t crc = sct_crc8(header->token_hash, SCT_HASH, 0);
    if (header->payload == SCT_LEARNED) crc = sct_crc8(coder->hash, sizeof coder->hash, crc);
    crc = sct_crc8(data, 1, crc);
    return sct_crc8(data + FRAMING, size - FRAMING, crc);
}

/* What of a header and a coder can be in packets, as a codec of runs. */
static _Bool begin(sct_runs *runs, sct_header *bound, const sct_header *header,
                   const sct_coder *coder, sct_fault *fault) {
    *bound = *header;
    bound->whole = 0;
    if (header->payload == SCT_ADAPTIVE || header->num_codebooks > SCT_MAX_CODEBOOKS)
        return sct_fail(fault, SCT_REFUSED, "a packet's tokens are packed or learned");
    if (header->payload == SCT_LEARNED && (!coder || !coder->network))
        return sct_missing_coder(bound, fault);
    if (coder) memcpy(bound->coder_hash, coder->hash, sizeof coder->hash);
    return sct_runs_begin(runs, bound, coder, fault);
}

size_t sct_packet_room(const sct_header *header, const sct_coder *coder, size_t frames) {
    return FRAMING + voice_bytes(header) + sct_runs_room(header, coder, frames);
}

static _Bool make(sct_runs *runs, const uint32_t *tokens, size_t frames, const int8_t *voice,
                  uint8_t *out, size_t *size, sct_fault *fault) {
    const sct_header *header = runs->header;
    const uint8_t *data;
    size_t stored;
    uint8_t *body = out + FRAMING;
    if (voice) body += sct_store_voice(header, runs->coder, voice, -1, body);
    if (!sct_runs_store(runs, tokens, frames, body, &data, &stored, fault)) return 0;
    memmove(body, data, stored);
    *size = (size_t)(body - out) + stored;
    out[0] = (uint8_t)frames;
    out[1] = checksum(header, runs->coder, out, *size);
    return 1;
}

sct_verdict sct_packet_make(const sct_header *header, const sct_coder *coder,
                            const uint32_t *tokens, size_t frames, const int8_t *voice,
                            uint8_t *out, size_t *size, sct_fault *fault) {
    sct_runs runs = {0};
    sct_header bound;
    *fault = (sct_fault){0};
    if (!frames || frames > SCT_PACKET_FRAMES)
        sct_fail(fault, SCT_REFUSED, "a packet holds 1 to %d frames, not %lu", SCT_PACKET_FRAMES,
                 (unsigned long)frames);
    else if (!voice != !header->voice_size)
        sct_fail(fault, SCT_REFUSED, "a packet has a voice if its codec has one");
    else if (voice && header->voice_form && (!coder || !coder->voice))
        sct_fail(fault, SCT_REFUSED, "the model has no code for voices");
    else if (begin(&runs, &bound, header, coder, fault))
        make(&runs, tokens, frames, voice, out, size, fault);
    sct_runs_end(&runs);
    return fault->verdict;
}

static _Bool read(sct_runs *runs, const uint8_t *data, size_t size, uint32_t *tokens,
                  int8_t *voice, sct_fault *fault) {
    const size_t stop = FRAMING + voice_bytes(runs->header);
    uint32_t found = 0;
    if (runs->header->voice_size) memset(voice, 0, runs->header->voice_size);
    if (stop > FRAMING && !sct_read_voice(runs->header, runs->coder, data + FRAMING,
                                          stop - FRAMING, voice, &found, fault))
        return 0;
    if (size - stop > sct_runs_size(runs->header, data[0]))
        return sct_fail(fault, SCT_DAMAGED, "%lu bytes are too many for %d frames",
                        (unsigned long)size, data[0]);
    return sct_runs_read(runs, data + stop, size - stop, data[0], tokens, fault);
}

sct_verdict sct_packet_read(const sct_header *header, const sct_coder *coder, const uint8_t *data,
                            size_t size, uint32_t *tokens, size_t *frames, int8_t *voice,
                            sct_fault *fault) {
    sct_runs runs = {0};
    sct_header bound;
    *fault = (sct_fault){0};
    if (!begin(&runs, &bound, header, coder, fault)) return fault->verdict;
    if (size <= FRAMING + voice_bytes(header) || !data[0])
        sct_fail(fault, SCT_DAMAGED, "%lu bytes are too few for a packet of this codec",
                 (unsigned long)size);
    else if (!sct_same(checksum(header, coder, data, size), data[1]))
        sct_fail(fault, SCT_DAMAGED,
                 "the packet is damaged or of another codec (its checksum is wrong)");
    else if (read(&runs, data, size, tokens, voice, fault))
        *frames = data[0];
    sct_runs_end(&runs);
    return fault->verdict;
}
