/* Runs coded by themselves, with models that learn while they code ("Range-coded tokens" in
   docs/sct-format-1.md). */

#ifndef SCT_ADAPTIVE_H
#define SCT_ADAPTIVE_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

typedef struct {
    uint32_t codebook_size;
    uint32_t digits;         /* of a token */
    const uint32_t *levels;  /* [digits], alphabets, the least significant first */
} sct_alphabet;

/* Tokens -> the number of the shortest model and its code; bytes at `out`, 0 without memory.
   `out` and `other` have room for sct_adaptive_room bytes each. */
size_t sct_adaptive_store(const sct_alphabet *alphabet, const uint32_t *tokens, size_t count,
                          uint8_t *out, uint8_t *other, sct_fault *fault);

size_t sct_adaptive_room(const sct_alphabet *alphabet, size_t count);

/* What sct_adaptive_store made -> tokens[count]. */
_Bool sct_adaptive_read(const sct_alphabet *alphabet, const uint8_t *data, size_t size,
                        uint32_t *tokens, size_t count, sct_fault *fault);

#endif
