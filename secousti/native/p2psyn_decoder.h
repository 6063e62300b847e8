/* Tokens to speech with a P2PSynCodec, as a stream (secousti/p2psyn/codec.py): the vectors of the
   other stages are predicted, then a ConvNeXt stack and the inverse MDCT. sct.h says what each
   function promises; a stream ends with its last whole MDCT frame, so that a flush gives nothing. */

#ifndef SCT_P2PSYN_DECODER_H
#define SCT_P2PSYN_DECODER_H

#include "weights.h"

typedef struct sct_p2psyn_decoder sct_p2psyn_decoder;

/* `plain`: without the stages that are predicted, as Python's mode of that name. SCT_REFUSED unless
   backbone and predictions are causal, and look at no later token. */
sct_verdict sct_p2psyn_decoder_open(const sct_weights *weights, _Bool plain,
                                    sct_p2psyn_decoder **decoder, sct_fault *fault);
void sct_p2psyn_decoder_close(sct_p2psyn_decoder *decoder);

/* Whether the networks are of a codec with these facts; delay: samples by which sound lags. */
_Bool sct_p2psyn_decoder_fits(const sct_p2psyn_decoder *decoder, size_t codebook_size,
                              size_t frame_size, size_t delay);

/* Tokens within the codebook -> samples[*size], at most count * frame_size. */
sct_verdict sct_p2psyn_decoder_push(sct_p2psyn_decoder *decoder, const uint32_t *tokens,
                                    size_t count, float *samples, size_t *size, sct_fault *fault);
void sct_p2psyn_decoder_restart(sct_p2psyn_decoder *decoder);

#endif
