/* What a header may say, and what follows from it. */

#include <string.h>

#include "facts.h"

static _Bool within(const char *name, int64_t value, int64_t low, int64_t high, sct_fault *fault) {
    if (value >= low && value <= high) return 1;
    return sct_fail(fault, SCT_REFUSED,
                    "the header's %s must be a whole number from %lld to %lld, not %lld", name,
                    (long long)low, (long long)high, (long long)value);
}

static _Bool check_levels(const sct_header *header, sct_fault *fault) {
    uint64_t product = 1;
    for (uint32_t i = 0; i < header->num_levels; i++) {
        if (!within("levels", header->levels[i], 2, SCT_MAX_CODEBOOK, fault)) return 0;
        if (product <= SCT_MAX_CODEBOOK) product *= header->levels[i];
    }
    if (!header->num_levels || product == header->codebook_size) return 1;
    return sct_fail(fault, SCT_REFUSED, "the header's levels must be of the codebook's size");
}

_Bool sct_check_header(const sct_header *h, sct_fault *fault) {
    return within("sample_rate", h->sample_rate, SCT_MIN_RATE, SCT_MAX_RATE, fault) &&
           within("frame_size", h->frame_size, 1, SCT_MAX_FRAME_SIZE, fault) &&
           within("codebook_size", h->codebook_size, SCT_MIN_CODEBOOK, SCT_MAX_CODEBOOK, fault) &&
           within("num_codebooks", h->num_codebooks, 1, SCT_MAX_CODEBOOKS, fault) &&
           within("paralinguistic", h->voice_size, 0, SCT_MAX_VOICE, fault) &&
           within("voice_form", h->voice_form, 0, 1, fault) && check_levels(h, fault) &&
           (!h->source_sample_rate || within("source_sample_rate", h->source_sample_rate,
                                             SCT_MIN_RATE, SCT_MAX_RATE, fault)) &&
           within("num_samples", h->num_samples, -1, (int64_t)1 << 62, fault);
}

static _Bool same(const uint8_t *a, const uint8_t *b, size_t size) { return !memcmp(a, b, size); }

_Bool sct_reads_tokens(const sct_header *header, const uint8_t token_hash[SCT_HASH]) {
    const size_t size = header->whole ? SCT_KEPT_TOKEN_HASH : SCT_HASH;
    return same(header->token_hash, token_hash, size);
}

_Bool sct_reads_voices(const sct_header *header, const uint8_t voice_hash[SCT_HASH]) {
    const size_t size = header->whole ? SCT_KEPT_VOICE_HASH : SCT_HASH;
    return !header->voice_size || same(header->voice_hash, voice_hash, size);
}

int64_t sct_resampled(const sct_header *header, int64_t count) {
    const int64_t source = header->source_sample_rate, rate = header->sample_rate;
    const int64_t whole = count / source, rest = count % source;
    if (whole >= ((int64_t)1 << 62) / rate) return -1;
    return whole * rate + (rest * rate + source - 1) / source;
}
