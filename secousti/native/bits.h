/* Packed tokens: groups of base-K digits in whole bytes ("Packed tokens" in docs/sct-format.md). */

#ifndef SCT_BITS_H
#define SCT_BITS_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

enum { SCT_MOST_TOKENS = 1 << 16 };                /* in one run */
enum { SCT_MOST_PACKED = 3 * SCT_MOST_TOKENS + 8 }; /* bytes of such a run, whatever K is */

/* Bytes of `count` packed tokens. */
size_t sct_packed_size(size_t count, uint32_t codebook_size);

/* Tokens below K -> sct_packed_size bytes. */
void sct_pack(const uint32_t *tokens, size_t count, uint32_t codebook_size, uint8_t *out);

/* sct_packed_size bytes -> tokens; SCT_DAMAGED if a group is of no tokens. */
_Bool sct_unpack(const uint8_t *data, size_t count, uint32_t codebook_size, uint32_t *tokens,
                 sct_fault *fault);

#endif
