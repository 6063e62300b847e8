/* Tokens in a voice -> log-mel, of one stream (secousti/networks.py: synthesize_mel). */

#ifndef SCT_MELDECODER_H
#define SCT_MELDECODER_H

#include "refiner.h"
#include "transformer.h"
#include "upsample.h"

enum { SCT_MOST_DIGITS = 64, SCT_MOST_MELS = 512, SCT_MOST_VOICE = 4096 };

/* Gain and bias of both norms of every layer, linear in the voice; NULL: no such injection. */
typedef struct {
    const float *weight, *bias; /* [layers * 4 * width, width], [layers * 4 * width] */
    double *modulation;         /* [layers, 4, width] of this voice */
} sct_injection;

typedef struct {
    size_t width, inner, num_digits, codebook, voice_size, num_mels, most;
    const int32_t *levels;                        /* [digits] */
    const float *project, *project_bias;          /* [width, digits], [width] */
    const float *voice, *voice_bias;              /* [width, voice_size], [width] */
    const float *semantic_gain, *semantic_bias, *global_gain, *global_bias; /* NULL: no norms */
    sct_transformer connector, decoder;
    sct_transformer_state connecting, decoding;
    sct_injection connector_injection, decoder_injection;
    sct_upsample upsample;
    _Bool refines;
    sct_refiner refiner;
    double *given;    /* [width], G and then what it adds to every token */
    double *x, *y;    /* scratch */
    double *frames;   /* [most * unit, num_mels] */
} sct_meldecoder;

/* At most `most` tokens at once. End it even if it failed. The voice is none until it is given. */
_Bool sct_meldecoder_begin(sct_meldecoder *net, const sct_weights *weights, size_t most,
                           sct_fault *fault);
void sct_meldecoder_end(sct_meldecoder *net);
void sct_meldecoder_restart(sct_meldecoder *net);

/* voice[voice_size] of all tokens from here on. */
void sct_meldecoder_voice(sct_meldecoder *net, const float *voice);

/* tokens[count] below `codebook` -> mel[count * unit, num_mels]. */
void sct_meldecoder_step(sct_meldecoder *net, const uint32_t *tokens, size_t count, float *mel);

#endif
