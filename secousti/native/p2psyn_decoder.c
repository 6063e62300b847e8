#include "p2psyn_decoder.h"

#include <stdlib.h>
#include <string.h>

#include "convnext.h"
#include "pseudo.h"
#include "wide.h"

enum { AT_ONCE = 8, MOST_STAGES = 16, MOST_HOP = 8192, MOST_STRIDE = 256 };

struct sct_p2psyn_decoder {
    size_t hop, stride, width, entries; /* width: of a latent */
    size_t stages;                      /* that are predicted; none in plain mode */
    _Bool expects; /* the mean of the vectors, not the likeliest one */
    const float *codebooks;             /* [1 + stages, entries, width] */
    sct_pseudo *pseudo;                 /* [stages] */
    sct_wide_conv tail, head;
    size_t channels;                    /* of the stack */
    float *up, *up_bias;                /* [stride * channels, 2 * channels], [stride * channels] */
    double *past;                       /* [1 + AT_ONCE, channels]: the rows that `up` sees */
    sct_convnext stack;
    const float *basis;                 /* [2 hop, hop] of the inverse MDCT */
    double *overlap;                    /* [hop] */
    double *latents, *logits, *x, *y, *halves;
    size_t early;                       /* samples still to drop: those before the first */
};

/* Which vector stands for a predicted stage. */
static _Bool find_estimate(sct_p2psyn_decoder *decoder, const sct_part *whole) {
    uint32_t shape[SCT_MOST_DIMS] = {0};
    const uint8_t *word = sct_weights_find(whole->weights, "config.pseudo.estimate", SCT_U8,
                                           SCT_SHAPE(SCT_ANY), whole->fault);
    const sct_part config = sct_part_of(whole, "config.pseudo");
    if (!word) return 0;
    sct_part_has(&config, "estimate", shape);
    decoder->expects = shape[0] == 8 && !memcmp(word, "expected", 8);
    return decoder->expects || (shape[0] == 6 && !memcmp(word, "argmax", 6)) ||
           sct_fail(whole->fault, SCT_REFUSED, "an estimate of the stages is not known here");
}

static _Bool begin_stages(sct_p2psyn_decoder *decoder, const sct_part *whole) {
    const sct_part quantizer = sct_part_of(whole, "teacher.quantizer");
    uint32_t shape[SCT_MOST_DIMS] = {0};
    decoder->codebooks =
        sct_part_find(&quantizer, "codebooks", SCT_SHAPE(SCT_ANY, SCT_ANY, SCT_ANY));
    if (!decoder->codebooks) return 0;
    sct_part_has(&quantizer, "codebooks", shape);
    decoder->entries = shape[1], decoder->width = shape[2];
    if (shape[0] <= decoder->stages || sct_part_has(&quantizer, "outputs.0.weight", shape))
        return sct_fail(whole->fault, SCT_REFUSED,
                        "codecs whose quantizer has projections are not decoded here");
    if (decoder->stages && !find_estimate(decoder, whole)) return 0;
    decoder->pseudo = calloc(decoder->stages + 1, sizeof *decoder->pseudo);
    if (!decoder->pseudo) return sct_fail(whole->fault, SCT_NO_MEMORY, "there is no memory");
    for (size_t i = 0; i < decoder->stages; i++) {
        const sct_part stage = sct_part_of(whole, "pseudo.stages.%zu", i);
        if (!sct_pseudo_begin(&decoder->pseudo[i], &stage, decoder->width, decoder->entries,
                              AT_ONCE))
            return 0;
    }
    return 1;
}

/* A transposed convolution whose kernel is two strides long is a linear layer of two neighbouring
   rows: [in, out, 2 stride] -> [stride * out, 2 in], the earlier row first. */
static _Bool turn_up(sct_p2psyn_decoder *decoder, const sct_part *network) {
    const size_t n = decoder->channels, stride = decoder->stride;
    const uint32_t width = (uint32_t)n;
    const sct_part up = sct_part_of(network, "up.convtr");
    const float *weight =
        sct_part_find(&up, "weight", SCT_SHAPE(width, width, 2 * (uint32_t)stride));
    const float *bias = sct_part_find(&up, "bias", SCT_SHAPE(width));
    if (!weight || !bias) return 0;
    decoder->up = malloc(2 * stride * n * n * sizeof *weight);
    decoder->up_bias = malloc(stride * n * sizeof *bias);
    if (!decoder->up || !decoder->up_bias)
        return sct_fail(network->fault, SCT_NO_MEMORY, "there is no memory");
    float *to = decoder->up;
    for (size_t step = 0; step < stride; step++)
        for (size_t o = 0; o < n; o++) {
            decoder->up_bias[step * n + o] = bias[o];
            for (size_t i = 0; i < 2 * n; i++) {
                const size_t tap = i < n ? stride + step : step;
                *to++ = weight[((i % n) * n + o) * 2 * stride + tap];
            }
        }
    return 1;
}

static _Bool make_buffers(sct_p2psyn_decoder *decoder, sct_fault *fault) {
    const size_t most = AT_ONCE * decoder->stride, n = decoder->channels;
    decoder->past = sct_zeros((1 + AT_ONCE) * n, fault);
    decoder->latents = sct_zeros(AT_ONCE * decoder->width, fault);
    decoder->logits = sct_zeros(AT_ONCE * decoder->entries, fault);
    decoder->x = sct_zeros(most * n, fault);
    decoder->y = sct_zeros(most * (n > decoder->hop ? n : decoder->hop), fault);
    decoder->halves = sct_zeros(most * 2 * decoder->hop, fault);
    decoder->overlap = sct_zeros(decoder->hop, fault);
    return fault->verdict == SCT_SOUND;
}

static _Bool begin(sct_p2psyn_decoder *decoder, const sct_part *whole, _Bool plain) {
    size_t causal;
    if (!sct_part_number(whole, "backbone.causal", 1, 1, &causal) ||
        !sct_part_number(whole, "backbone.coefficients", 1, MOST_HOP, &decoder->hop) ||
        !sct_part_number(whole, "backbone.stride", 1, MOST_STRIDE, &decoder->stride) ||
        !sct_part_number(whole, "quantizer.pseudo_stages", 0, MOST_STAGES, &decoder->stages))
        return 0;
    if (plain) decoder->stages = 0;
    const sct_part network = sct_part_of(whole, "teacher.decoder");
    const sct_part tail = sct_part_of(&network, "tail.conv");
    const sct_part head = sct_part_of(&network, "head.conv");
    const sct_part stack = sct_part_of(&network, "stack");
    const sct_part imdct = sct_part_of(whole, "teacher.imdct");
    const size_t most = AT_ONCE * decoder->stride;
    const uint32_t hop = (uint32_t)decoder->hop;
    if (!begin_stages(decoder, whole) ||
        !sct_wide_conv_begin(&decoder->tail, whole->weights, tail.name, decoder->width, 1, AT_ONCE,
                             whole->fault))
        return 0;
    const size_t n = decoder->channels = decoder->tail.outputs;
    if (!turn_up(decoder, &network) || !sct_convnext_begin(&decoder->stack, &stack, n, most) ||
        !sct_wide_conv_begin(&decoder->head, whole->weights, head.name, decoder->stack.channels, 1,
                             most, whole->fault))
        return 0;
    if (decoder->stack.channels != n || decoder->head.outputs != hop)
        return sct_fail(whole->fault, SCT_REFUSED, "the parts of the decoder do not fit together");
    decoder->basis = sct_part_find(&imdct, "basis", SCT_SHAPE(2 * hop, hop));
    return decoder->basis && make_buffers(decoder, whole->fault);
}

sct_verdict sct_p2psyn_decoder_open(const sct_weights *weights, _Bool plain,
                                    sct_p2psyn_decoder **decoder, sct_fault *fault) {
    const sct_part whole = {weights, fault, ""};
    *decoder = calloc(1, sizeof **decoder);
    if (!*decoder)
        sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
    else if (begin(*decoder, &whole, plain))
        sct_p2psyn_decoder_restart(*decoder);
    else {
        sct_p2psyn_decoder_close(*decoder);
        *decoder = NULL;
    }
    return fault->verdict;
}

void sct_p2psyn_decoder_close(sct_p2psyn_decoder *decoder) {
    if (!decoder) return;
    for (size_t i = 0; decoder->pseudo && i < decoder->stages; i++)
        sct_pseudo_end(&decoder->pseudo[i]);
    free(decoder->pseudo);
    sct_wide_conv_end(&decoder->tail);
    sct_wide_conv_end(&decoder->head);
    sct_convnext_end(&decoder->stack);
    free(decoder->up);
    free(decoder->up_bias);
    free(decoder->past);
    free(decoder->overlap);
    free(decoder->latents);
    free(decoder->logits);
    free(decoder->x);
    free(decoder->y);
    free(decoder->halves);
    free(decoder);
}

_Bool sct_p2psyn_decoder_fits(const sct_p2psyn_decoder *decoder, size_t codebook_size,
                              size_t frame_size, size_t delay) {
    return decoder->entries == codebook_size && decoder->hop == delay &&
           decoder->hop * decoder->stride == frame_size;
}

void sct_p2psyn_decoder_restart(sct_p2psyn_decoder *decoder) {
    for (size_t i = 0; i < decoder->stages; i++) sct_pseudo_restart(&decoder->pseudo[i]);
    sct_wide_conv_restart(&decoder->tail);
    sct_wide_conv_restart(&decoder->head);
    sct_convnext_restart(&decoder->stack);
    memset(decoder->past, 0, decoder->channels * sizeof *decoder->past);
    memset(decoder->overlap, 0, decoder->hop * sizeof *decoder->overlap);
    decoder->early = decoder->hop;
}

/* latent[width] += the vector of a stage that its logits stand for. */
static void add_estimate(const sct_p2psyn_decoder *decoder, const float *vectors, double *logits,
                         double *latent) {
    size_t likeliest = 0;
    if (decoder->expects) {
        sct_wide_softmax(logits, decoder->entries);
        sct_wide_spread(vectors, decoder->entries, decoder->width, logits, latent);
        return;
    }
    for (size_t i = 1; i < decoder->entries; i++)
        if (logits[i] > logits[likeliest]) likeliest = i;
    for (size_t j = 0; j < decoder->width; j++)
        latent[j] += (double)vectors[likeliest * decoder->width + j];
}

/* tokens[count] -> decoder->latents: their vectors, and those of the stages that follow. */
static void find_latents(sct_p2psyn_decoder *decoder, const uint32_t *tokens, size_t count) {
    const size_t width = decoder->width, entries = decoder->entries;
    for (size_t t = 0; t < count; t++)
        for (size_t j = 0; j < width; j++)
            decoder->latents[t * width + j] = (double)decoder->codebooks[tokens[t] * width + j];
    for (size_t i = 0; i < decoder->stages; i++) {
        const float *vectors = decoder->codebooks + (i + 1) * entries * width;
        sct_pseudo_step(&decoder->pseudo[i], decoder->latents, count, decoder->logits);
        for (size_t t = 0; t < count; t++)
            add_estimate(decoder, vectors, decoder->logits + t * entries,
                         decoder->latents + t * width);
    }
}

/* decoder->latents -> decoder->y[count * stride, hop]: MDCT frames. */
static void find_spectrum(sct_p2psyn_decoder *decoder, size_t count) {
    const size_t n = decoder->channels, frames = count * decoder->stride;
    sct_wide_conv_step(&decoder->tail, decoder->latents, count, decoder->past + n);
    sct_wide_linear(decoder->up, decoder->up_bias, 2 * n, decoder->stride * n, decoder->past, n,
                    count, decoder->x);
    memmove(decoder->past, decoder->past + count * n, n * sizeof *decoder->past);
    sct_convnext_step(&decoder->stack, decoder->x, frames, decoder->y);
    memcpy(decoder->x, decoder->y, frames * n * sizeof *decoder->x);
    sct_wide_conv_step(&decoder->head, decoder->x, frames, decoder->y);
}

/* A frame's halves [2 hop], of which the first meets the second of the frame before -> sound. */
static _Bool overlap(sct_p2psyn_decoder *decoder, const double *halves, float *samples) {
    _Bool finite = 1;
    for (size_t i = 0; i < decoder->hop; i++) {
        const double sound = decoder->overlap[i] + halves[i];
        decoder->overlap[i] = halves[decoder->hop + i];
        finite = finite && sound - sound == 0;
        samples[i] = sound < -1 ? -1 : sound > 1 ? 1 : (float)sound;
    }
    return finite;
}

/* At most AT_ONCE tokens -> samples; how many. */
static size_t speak(sct_p2psyn_decoder *decoder, const uint32_t *tokens, size_t count,
                    float *samples, sct_fault *fault) {
    const size_t hop = decoder->hop, frames = count * decoder->stride;
    float frame[MOST_HOP];
    size_t made = 0;
    _Bool finite = 1;
    find_latents(decoder, tokens, count);
    find_spectrum(decoder, count);
    sct_wide_linear(decoder->basis, NULL, hop, 2 * hop, decoder->y, hop, frames, decoder->halves);
    for (size_t t = 0; t < frames; t++) {
        finite &= overlap(decoder, decoder->halves + t * 2 * hop, frame);
        const size_t dropped = decoder->early < hop ? decoder->early : hop;
        memcpy(samples + made, frame + dropped, (hop - dropped) * sizeof *samples);
        decoder->early -= dropped;
        made += hop - dropped;
    }
    if (!finite) sct_fail(fault, SCT_DAMAGED, "the weights make sound that is not finite");
    return made;
}

sct_verdict sct_p2psyn_decoder_push(sct_p2psyn_decoder *decoder, const uint32_t *tokens,
                                    size_t count, float *samples, size_t *size, sct_fault *fault) {
    *size = 0;
    while (count && fault->verdict == SCT_SOUND) {
        const size_t now = count < AT_ONCE ? count : AT_ONCE;
        *size += speak(decoder, tokens, now, samples + *size, fault);
        tokens += now;
        count -= now;
    }
    return fault->verdict;
}
