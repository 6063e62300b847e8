/* The bytes of a WAV stream with a look ahead, and its header (for wav.c). */

#ifndef SCT_WAV_FORMAT_H
#define SCT_WAV_FORMAT_H

#include "wav.h"

typedef struct {
    sct_source source;
    sct_fault *fault;
    int64_t used; /* bytes taken */
    size_t first, end;
    uint8_t data[1 << 16];
} sct_ahead;

typedef struct {
    uint32_t sample_rate, channels;
    uint32_t bits, container; /* that count, and bytes of one sample */
    _Bool is_float;
} sct_wav_format;

/* Look at up to `size` bytes (at most 1 << 15) without taking them: how many are there. */
_Bool sct_peek(sct_ahead *ahead, size_t size, const uint8_t **data, size_t *found);
void sct_drop(sct_ahead *ahead, size_t size); /* of those seen */
/* Leave out bytes, fewer at the end. */
_Bool sct_skip(sct_ahead *ahead, uint64_t size);

/* Skip to the audio; *bytes of it, -1: not known. */
_Bool sct_wav_format_read(sct_ahead *ahead, int64_t there, sct_wav_format *format, int64_t *bytes);

/* Skip what follows the audio, to the end; SCT_REFUSED if it is another recording. */
_Bool sct_wav_rest(sct_ahead *ahead);

#endif
