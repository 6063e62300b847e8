/* A reader from inside (for reader.c, stream.c and whole.c). */

#ifndef SCT_READING_H
#define SCT_READING_H

#include "bits.h"
#include "runs.h"

struct sct_reader {
    sct_fault fault;
    sct_cursor cursor;
    sct_header header;
    sct_runs runs;
    const sct_coder *coder; /* as given */
    sct_bits bits;
    double most_seconds;
    int64_t frames; /* so far; -1: who has joined does not know */
    int64_t given;  /* frames given to the caller */
    uint64_t count, offset; /* of this record: its number and where it begins */
    size_t json_size;
    _Bool skims, ended, over;
    /* of a stream */
    uint32_t run_frames; /* of a short run */
    uint32_t crc32;      /* of the stream up to this record */
    _Bool fresh;         /* no run since the place to begin */
    /* of a whole file */
    enum { SCT_AT_BODY, SCT_AT_RUN, SCT_AT_END } stage;
    int64_t all_frames, source_num_samples;
    size_t run_size;
    /* of this record */
    uint8_t data[SCT_MOST_PACKED];
    uint32_t tokens[SCT_MOST_TOKENS];
    int8_t voice[SCT_MAX_VOICE];
};

/* The header after the version, and what follows, up to the first record. */
_Bool sct_stream_begin(sct_reader *reader);
_Bool sct_whole_begin(sct_reader *reader, uint8_t version);

/* The next record; *said is false if it says nothing. A run's tokens are not decoded yet: its data
   is event->stored_bytes of reader->data. */
_Bool sct_stream_next(sct_reader *reader, sct_event *event, _Bool *said);
_Bool sct_whole_next(sct_reader *reader, sct_event *event, _Bool *said);

/* CRC-16 to begin with after something whose 32-bit checksum or kind is `value`. */
uint16_t sct_chain_start(uint32_t value);

enum { SCT_END_RECORD = 1, SCT_VOICE_RECORD, SCT_SYNC_RECORD, SCT_RUN_RECORD };
enum { SCT_FIRST_SKIPPED = 8, SCT_SHORT_RUN = 16, SCT_SAVINGS = 120 };
enum { SCT_MOST_SYNC = 1 + SCT_MOST_VARINT + 4 + 2 };

/* A place to begin before `frame`, where `crc32` is that of all before; bytes. */
size_t sct_put_sync(int64_t frame, uint32_t crc32, uint8_t out[SCT_MOST_SYNC]);

/* What is added to the checksum of a whole file, so that it is bound to its coder. */
uint32_t sct_seal(const sct_header *header, const sct_coder *coder);

#endif
