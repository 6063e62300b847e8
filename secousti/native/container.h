/* The .sct file: a recording as tokens (docs/sct-format.md, version 2).

   Readers and writers work through callbacks, hold one run and take all their memory when they are
   opened. Who only wants whole files to audio and back uses the program `sct`. */

#ifndef SCT_CONTAINER_H
#define SCT_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

#include "coder.h"
#include "cursor.h"
#include "fault.h"
#include "bounds.h"

typedef enum { SCT_PACKED, SCT_ADAPTIVE, SCT_LEARNED } sct_payload;

enum { SCT_HASH = 8 }; /* bytes of a token hash or a voice hash */

/* What a file says of itself. */
typedef struct {
    uint32_t sample_rate, frame_size; /* Hz of the codec; its samples per frame of tokens */
    uint32_t codebook_size, num_codebooks;
    uint32_t num_levels, levels[SCT_MAX_LEVELS]; /* digits of a token; none: one digit */
    uint32_t voice_size;                         /* numbers in a voice, 0: there are none */
    uint32_t voice_form;         /* 0: a byte a number; 1: the codec's own code */
    uint32_t source_sample_rate; /* Hz of the recording before resampling, 0: not known */
    int64_t num_samples;         /* at sample_rate, -1: not known when the file was begun */
    sct_payload payload;         /* how runs of tokens may be stored */
    uint8_t token_hash[SCT_HASH], voice_hash[SCT_HASH]; /* of what made tokens and voices */
    uint8_t coder_hash[4];       /* of the learned coder, of a stream whose payload is learned */
    _Bool whole; /* a whole file: it has 4 bytes of the token hash and 2 of the voice hash */
} sct_header;

/* Whether everything lies within the limits; SCT_REFUSED else. */
_Bool sct_check_header(const sct_header *header, sct_fault *fault);

/* Samples of `count` at the source's rate, at the codec's, rounded up; -1: more than 2^62. */
int64_t sct_resampled(const sct_header *header, int64_t count);

/* Whether the tokens (voices) of a file are those that what has this hash makes. */
_Bool sct_reads_tokens(const sct_header *header, const uint8_t token_hash[SCT_HASH]);
_Bool sct_reads_voices(const sct_header *header, const uint8_t voice_hash[SCT_HASH]);

typedef enum { SCT_IS_VOICE, SCT_IS_TOKENS, SCT_IS_END, SCT_IS_OVER } sct_event_kind;

/* What a file says next. Pointers hold until the next event is asked for. */
typedef struct {
    sct_event_kind kind;
    int64_t start;          /* the frame from which it holds */
    uint64_t stored_bytes;  /* of the voice or the tokens, as they are stored */
    const int8_t *voice;    /* [voice_size], value * 127 */
    uint32_t voice_size;    /* 0: the voice is in a code that is not at hand */
    const uint32_t *tokens; /* [frames, num_codebooks]; NULL if they are not decoded */
    uint32_t frames;
    int64_t num_samples, source_num_samples; /* of the end: at both rates, the latter 0: unknown */
} sct_event;

/* Bits of a file, counted apart; together they are the file to the bit. */
typedef struct {
    uint64_t tokens, voice, container;
} sct_bits;

typedef struct sct_reader sct_reader;

/* Begin to read: gives the verdict, and *reader unless there is no memory. Close it even if it
   failed; sct_reader_fault has the sentence. */
sct_verdict sct_reader_open(sct_source source, sct_reader **reader);
void sct_reader_close(sct_reader *reader);

const sct_header *sct_reader_header(const sct_reader *reader);
const sct_fault *sct_reader_fault(const sct_reader *reader);
sct_bits sct_reader_bits(const sct_reader *reader);
int64_t sct_reader_frames(const sct_reader *reader); /* so far; -1: not known yet */
/* JSON that its writer added, UTF-8, `size` bytes; it holds until the first event. */
const char *sct_reader_json(const sct_reader *reader, size_t *size);

/* Before the first event: the codes that came with the codec, for files that need them; it must
   outlive the reader. */
sct_verdict sct_reader_use(sct_reader *reader, const sct_coder *coder);
/* Give runs without decoding them: for who only wants to know what is there. */
void sct_reader_skim(sct_reader *reader);
/* Refuse more speech than this; SCT_MAX_SECONDS if not told. */
void sct_reader_most(sct_reader *reader, double seconds);

/* The next event; SCT_IS_END once, then SCT_IS_OVER. After a fault it gives the same again; of a
   file that is cut short every whole record has been given before. */
sct_verdict sct_reader_next(sct_reader *reader, sct_event *event);

/* Go on with another source, at any later record of the same stream: tokens come from the next
   place to begin. */
sct_verdict sct_reader_join(sct_reader *reader, sct_source source);

typedef struct sct_writer sct_writer;

enum { SCT_RUN_FRAMES = 4096 }; /* of a usual record, if nobody waits for it */

/* Begin to write; nothing is sent before a flush, a full run or the end. If all fits one run by
   then, a whole file is written, else a stream. `coder` is what the header needs of it, or NULL;
   `json` an object or NULL. run_frames: 0 is SCT_RUN_FRAMES. */
sct_verdict sct_writer_open(sct_sink sink, const sct_header *header, const sct_coder *coder,
                            const char *json, uint32_t run_frames, sct_writer **writer);
void sct_writer_close(sct_writer *writer);
const sct_fault *sct_writer_fault(const sct_writer *writer);
sct_bits sct_writer_bits(const sct_writer *writer);

/* The voice [voice_size] (value * 127) of all frames from here on. */
sct_verdict sct_writer_voice(sct_writer *writer, const int8_t *voice);
/* Tokens [frames, num_codebooks] that follow. */
sct_verdict sct_writer_tokens(sct_writer *writer, const uint32_t *tokens, size_t frames);
/* Send everything given so far on its way. */
sct_verdict sct_writer_flush(sct_writer *writer);
/* The end: samples at the codec's rate, and of the source, 0 if that is not known. */
sct_verdict sct_writer_finish(sct_writer *writer, int64_t num_samples, int64_t source_num_samples);

/* Packets that decode alone, for links that frame what they send. */
enum { SCT_PACKET_FRAMES = 255 };

/* Bytes that a packet of so many frames may have. */
size_t sct_packet_room(const sct_header *header, const sct_coder *coder, size_t frames);
/* Tokens [frames, num_codebooks] and voice (NULL if the codec has none) -> *size bytes at `out`. */
sct_verdict sct_packet_make(const sct_header *header, const sct_coder *coder,
                            const uint32_t *tokens, size_t frames, const int8_t *voice,
                            uint8_t *out, size_t *size, sct_fault *fault);
/* A packet -> *frames, tokens[SCT_PACKET_FRAMES, num_codebooks] and voice[voice_size], all zeros
   if its code is not at hand. */
sct_verdict sct_packet_read(const sct_header *header, const sct_coder *coder, const uint8_t *data,
                            size_t size, uint32_t *tokens, size_t *frames, int8_t *voice,
                            sct_fault *fault);

#endif
