/* Bytes of a stream one after the other, with the checksums over them. */

#ifndef SCT_CURSOR_H
#define SCT_CURSOR_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

/* Where bytes come from: gives some of `size`, 0 at the end, less than 0 if it fails. */
typedef struct {
    ptrdiff_t (*read)(void *self, void *data, size_t size);
    void *self;
} sct_source;

/* Where bytes go: takes all of them, or gives 0. */
typedef struct {
    _Bool (*write)(void *self, const void *data, size_t size);
    void *self;
} sct_sink;

typedef struct {
    sct_source source;
    sct_fault *fault;
    uint64_t offset; /* bytes read so far */
    uint32_t crc32;  /* of everything read */
    uint16_t crc16;  /* of everything since it was last set */
} sct_cursor;

enum { SCT_MOST_VARINT = 9 }; /* bytes: 63 bits, so that every value is an int64_t */

/* As many bytes as are there, fewer than `size` only at the end; pipes give less at a time. */
_Bool sct_read_up_to(const sct_source *source, void *data, size_t size, size_t *found,
                     sct_fault *fault);

/* Exactly `size` bytes; SCT_CUT_SHORT if the stream ends before. */
_Bool sct_take(sct_cursor *cursor, void *data, size_t size);
_Bool sct_take_byte(sct_cursor *cursor, uint8_t *byte);
/* One byte, or none at the end of the stream. */
_Bool sct_take_first(sct_cursor *cursor, uint8_t *byte, size_t *found);

/* Little-endian numbers of two and four bytes. */
_Bool sct_take16(sct_cursor *cursor, uint16_t *value);
_Bool sct_take32(sct_cursor *cursor, uint32_t *value);

/* A varint of at most `most` (INT64_MAX: any), called `name` in sentences. */
_Bool sct_take_varint(sct_cursor *cursor, const char *name, int64_t most, int64_t *value);

/* `value` as a varint at `out`; how many bytes. */
size_t sct_put_varint(uint8_t out[SCT_MOST_VARINT], uint64_t value);

/* `size` bytes of a number, the lowest first. */
void sct_put_little(uint8_t *out, uint64_t value, size_t size);
uint64_t sct_little(const uint8_t *data, size_t size);

#endif
