/* Headers as bytes: what a codec is, in one byte if it is a known one (for the container). */

#ifndef SCT_FACTS_H
#define SCT_FACTS_H

#include "container.h"

enum { SCT_VERSION = 2, SCT_WHOLE = 1 << 7, SCT_MORE = 1 << 5 }; /* MORE: a flag of whole files */
enum { SCT_MOST_FACTS = 128 + 9 * SCT_MAX_LEVELS }; /* bytes of a header but for its JSON */
enum { SCT_KEPT_TOKEN_HASH = 4, SCT_KEPT_VOICE_HASH = 2 }; /* of whole files */

extern const uint8_t sct_magic[4];

/* What follows the byte of the version, which `header->whole` tells, up to the lengths; unchecked
   if it is a stream's, whose checksum comes first. */
_Bool sct_take_facts(sct_cursor *cursor, uint8_t version, sct_header *header, uint8_t *flags);

/* Magic to facts at `out`; bytes. `more`: the flag of that name. */
size_t sct_put_facts(const sct_header *header, _Bool more, uint8_t out[SCT_MOST_FACTS]);

/* The JSON object that ends the facts of a stream is checked as Python's parser does. */
_Bool sct_json_object(const char *text, size_t size, const char **wrong);

#endif
