/* A speech codec to embed: speech <-> tokens, whole or as a stream (docs/embed.md).

   A model is opened once and shared: it never changes, and any number of threads may make encoders
   and decoders of it. An encoder or a decoder is one stream, used by one thread at a time; it holds
   constant memory, however long the stream. There are no globals, nothing exits or prints, and
   only opening and making allocate: a lack of memory is a verdict. Every function that gives a
   verdict writes one sentence into its fault (fault.h) when it is not SCT_SOUND; begin with
   `sct_fault fault = {0};`. Sound is float in -1 .. 1 at the model's rate, one channel.

   Encoders are in encoder.h, .sct files and streams in container.h; this header includes both.

   Decoding gives the same bits with every compiler, at every optimisation and on every processor,
   and a stream gives what the whole gives, if all is compiled with -ffp-contract=off and without
   -ffast-math (see Makefile). */

#ifndef SCT_H
#define SCT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define _Bool bool
extern "C" {
#endif

#include "bounds.h"
#include "brought.h"
#include "container.h"
#include "encoder.h"
#include "fault.h"
#include "wav.h"
#include "weights.h"

typedef struct sct_model sct_model;

/* What a codec is. */
typedef struct {
    uint32_t sample_rate;    /* Hz of the sound inside and out */
    uint32_t frame_size;     /* samples a token */
    uint32_t codebook_size;  /* tokens are 0 .. codebook_size - 1 */
    uint32_t num_codebooks;  /* tokens a frame */
    uint32_t voice_size;     /* numbers that say who speaks, each -1 .. 1; 0: it keeps no voice */
    uint32_t num_levels, levels[SCT_MAX_LEVELS]; /* digits of a token, least significant first */
    uint32_t delay;          /* samples by which a decoder's sound lags behind its tokens */
    uint32_t profile;        /* of the .sct format; 0: none */
    uint8_t token_hash[8], voice_hash[8]; /* of what makes tokens and voices */
} sct_model_facts;

/* Map the weights that `secousti export --format c` wrote. The file must stay as it is while the
   model is open. *model is NULL after a fault. */
sct_verdict sct_model_open(const char *path, sct_model **model, sct_fault *fault);
/* The same of weights in memory at a multiple of 64 bytes, which must outlive the model. */
sct_verdict sct_model_of(const void *data, size_t size, sct_model **model, sct_fault *fault);
/* After all that was made of it is freed; NULL is allowed, here and in all that frees. */
void sct_model_close(sct_model *model);

const sct_model_facts *sct_model_about(const sct_model *model);
const sct_weights *sct_model_weights(const sct_model *model);

typedef struct sct_decoder sct_decoder;

/* A stream in voice[voice_size] (NULL: all zeros). SCT_REFUSED if this program cannot decode the
   model's tokens. *decoder is NULL after a fault. */
sct_verdict sct_decoder_new(const sct_model *model, const float *voice, sct_decoder **decoder,
                            sct_fault *fault);
void sct_decoder_free(sct_decoder *decoder);

/* Another voice, of all tokens from here on; its numbers are limited to -1 .. 1. SCT_REFUSED if one is
   not finite. */
sct_verdict sct_decoder_voice(sct_decoder *decoder, const float *voice, sct_fault *fault);

/* tokens[count, num_codebooks] -> samples[*size], at most count * frame_size: all that they make
   final. The first `delay` samples of a stream come `delay` samples late, so the first token gives
   fewer. Tokens outside the codebook are SCT_REFUSED before anything is decoded. SCT_DAMAGED if the
   weights make sound that is not finite. */
sct_verdict sct_decoder_push(sct_decoder *decoder, const uint32_t *tokens, size_t count,
                             float *samples, size_t *size, sct_fault *fault);

/* The end: the last samples[*size], at most `delay`; then a new stream begins, in the same voice.
   All together are count * frame_size, of a P2PSynCodec `delay` less, as in Python. */
sct_verdict sct_decoder_flush(sct_decoder *decoder, float *samples, size_t *size, sct_fault *fault);

/* Forget the stream: the next token is the first. */
void sct_decoder_restart(sct_decoder *decoder);

#ifdef __cplusplus
}
#endif

#endif
