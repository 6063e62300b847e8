/* Speech to tokens with a P2PSynCodec, as a stream (secousti/p2psyn/codec.py): MDCT, a ConvNeXt
   stack, the nearest vector of a codebook, all in double precision. encoder.h says what each
   function promises. */

#ifndef SCT_P2PSYN_ENCODER_H
#define SCT_P2PSYN_ENCODER_H

#include "weights.h"

typedef struct sct_p2psyn_encoder sct_p2psyn_encoder;

/* SCT_REFUSED unless the codec is causal and searches its codebook by distance. */
sct_verdict sct_p2psyn_encoder_open(const sct_weights *weights, uint32_t sample_rate,
                                    sct_p2psyn_encoder **encoder, sct_fault *fault);
void sct_p2psyn_encoder_close(sct_p2psyn_encoder *encoder);

size_t sct_p2psyn_encoder_room(const sct_p2psyn_encoder *encoder, size_t count);
/* Samples that are finite and within full scale. */
void sct_p2psyn_encoder_push(sct_p2psyn_encoder *encoder, const float *samples, size_t count,
                             uint32_t *tokens, size_t *made);
void sct_p2psyn_encoder_flush(sct_p2psyn_encoder *encoder, uint32_t *tokens, size_t *made);
void sct_p2psyn_encoder_restart(sct_p2psyn_encoder *encoder);
int64_t sct_p2psyn_encoder_samples(const sct_p2psyn_encoder *encoder);

#endif
