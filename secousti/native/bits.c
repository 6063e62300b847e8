#include "bits.h"

#include "cursor.h"

typedef struct {
    size_t tokens, bytes;
} group;

/* The largest n with K^n <= 256^bytes. */
static size_t most_tokens(uint32_t codebook_size, size_t bytes) {
    const uint64_t last = bytes < 8 ? ((uint64_t)1 << 8 * bytes) - 1 : UINT64_MAX;
    const uint64_t digit = codebook_size - 1;
    if (digit > last) return 0;
    size_t count = 0;
    for (uint64_t top = 0; top <= (last - digit) / codebook_size; count++)
        top = top * codebook_size + digit; /* K^(count + 1) - 1 */
    return count;
}

/* Tokens and bytes of a full group: the least bytes a token, of equally good the smallest. */
static group full_group(uint32_t codebook_size) {
    group best = {0, 1};
    for (size_t bytes = 1; bytes <= 8; bytes++) {
        const size_t count = most_tokens(codebook_size, bytes);
        if (bytes * best.tokens < best.bytes * count) best = (group){count, bytes};
    }
    return best;
}

/* The fewest bytes that hold so many tokens, fewer than a full group. */
static size_t rest_size(size_t count, uint32_t codebook_size) {
    uint64_t last = 0; /* K^count - 1 */
    for (size_t i = 0; i < count; i++) last = last * codebook_size + (codebook_size - 1);
    size_t size = 0;
    for (; last; last >>= 8) size++;
    return size;
}

size_t sct_packed_size(size_t count, uint32_t codebook_size) {
    const group full = full_group(codebook_size);
    return count / full.tokens * full.bytes + rest_size(count % full.tokens, codebook_size);
}

static void pack_group(const uint32_t *tokens, group g, uint32_t codebook_size, uint8_t *out) {
    uint64_t value = 0;
    for (size_t i = g.tokens; i-- > 0;) value = value * codebook_size + tokens[i];
    sct_put_little(out, value, g.bytes);
}

void sct_pack(const uint32_t *tokens, size_t count, uint32_t codebook_size, uint8_t *out) {
    const group full = full_group(codebook_size);
    for (; count >= full.tokens; count -= full.tokens) {
        pack_group(tokens, full, codebook_size, out);
        tokens += full.tokens;
        out += full.bytes;
    }
    const group rest = {count, rest_size(count, codebook_size)};
    pack_group(tokens, rest, codebook_size, out);
}

static _Bool unpack_group(const uint8_t *data, group g, uint32_t codebook_size, uint32_t *tokens) {
    uint64_t value = sct_little(data, g.bytes);
    for (size_t i = 0; i < g.tokens; i++) {
        tokens[i] = (uint32_t)(value % codebook_size);
        value /= codebook_size;
    }
    return value == 0;
}

_Bool sct_unpack(const uint8_t *data, size_t count, uint32_t codebook_size, uint32_t *tokens,
                 sct_fault *fault) {
    const group full = full_group(codebook_size);
    _Bool good = 1;
    for (; count >= full.tokens; count -= full.tokens) {
        good &= unpack_group(data, full, codebook_size, tokens);
        tokens += full.tokens;
        data += full.bytes;
    }
    const group rest = {count, rest_size(count, codebook_size)};
    good &= unpack_group(data, rest, codebook_size, tokens);
    return good || sct_fail(fault, SCT_DAMAGED, "it holds a token outside the codebook");
}
