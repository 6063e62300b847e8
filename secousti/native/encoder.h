/* Speech to tokens and a voice, as a stream (secousti/codec.py).

   Tokens are computed in double precision, as in Python, and are the same however the sound is cut
   into chunks. Memory is taken once, by sct_encoder_open; an encoder belongs to one thread at a
   time, any number of them may share weights. */

#ifndef SCT_ENCODER_H
#define SCT_ENCODER_H

#include "weights.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sct_encoder sct_encoder;

/* An encoder of mono sound at `sample_rate` Hz (SCT_MIN_RATE to SCT_MAX_RATE). The weights must
   outlive it. *encoder is NULL after a fault: SCT_REFUSED if it is no rate, or the codec is not one
   that is encoded here (kind "secousti", causal, in float64, with FSQ and without pitch; or kind
   "p2psyn", causal, which keeps no voice). */
sct_verdict sct_encoder_open(const sct_weights *weights, uint32_t sample_rate,
                             sct_encoder **encoder, sct_fault *fault);
void sct_encoder_close(sct_encoder *encoder);

/* Tokens that pushing `count` samples, or flushing after that, gives at most. */
size_t sct_encoder_room(const sct_encoder *encoder, size_t count);

/* The next samples, floats in [-1, 1] -> the tokens that they complete: tokens[*made], with room for
   sct_encoder_room(encoder, count). SCT_REFUSED, with nothing taken, if one is NaN or infinite, or
   beyond 2 (lossy decoders overshoot by 6 dB at most). After a flush a new stream begins. */
sct_verdict sct_encoder_push(sct_encoder *encoder, const float *samples, size_t count,
                             uint32_t *tokens, size_t *made, sct_fault *fault);
/* The same of 16-bit samples. */
sct_verdict sct_encoder_push16(sct_encoder *encoder, const int16_t *samples, size_t count,
                               uint32_t *tokens, size_t *made, sct_fault *fault);

/* The end: the tokens still owed, with room for sct_encoder_room(encoder, 0); the last one has
   silence after the end. None if there were no samples. */
sct_verdict sct_encoder_flush(sct_encoder *encoder, uint32_t *tokens, size_t *made,
                              sct_fault *fault);

/* Begin anew, whatever came before. */
void sct_encoder_restart(sct_encoder *encoder);

/* Before the first sample of a recording of `num_samples`: its voice will be that of its middle, as
   in Python's `encode`. Without it, it is that of the last seconds, as in live streams. */
void sct_encoder_expect(sct_encoder *encoder, int64_t num_samples);

/* After sct_encoder_expect: whether all that the voice is taken from has come. */
_Bool sct_encoder_settled(const sct_encoder *encoder);

/* Numbers of a voice. */
size_t sct_encoder_voice_size(const sct_encoder *encoder);
/* Who speaks in what came so far, until a new stream begins: voice[sct_encoder_voice_size], value *
   127. SCT_REFUSED if there is no frame of the mel yet. */
sct_verdict sct_encoder_voice(sct_encoder *encoder, int8_t *voice, sct_fault *fault);

/* Samples so far, at the codec's rate: what a file's header tells. */
int64_t sct_encoder_samples(const sct_encoder *encoder);

#ifdef __cplusplus
}
#endif

#endif
