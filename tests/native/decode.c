/* decode WEIGHTS TOKENS [SEED RUNS]: the sound of a few tokens, and the tokens and the voice of some
   sound, as a checksum; first with every allocation failing once, then of weights with bytes altered,
   each refused or used. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "sct.h"

enum { MOST_TOKENS = 64, HEARD = 12000, HEARD_RATE = 16000 };

#ifdef FAILING
long allocations_left = -1;
#endif

typedef struct {
    const uint8_t *weights;
    size_t size, tokens;
    uint32_t crc; /* of the sound, the tokens and the voice */
} job;

static _Bool speak(job *work, sct_decoder *decoder, uint32_t codebook, size_t room,
                   sct_fault *fault) {
    uint32_t tokens[MOST_TOKENS];
    size_t first, rest;
    float *samples = (malloc)(room * sizeof *samples);
    if (!samples) return sct_fail(fault, SCT_NO_MEMORY, "no room for the sound");
    for (size_t i = 0; i < work->tokens; i++) tokens[i] = (uint32_t)(i * 2654435761u) % codebook;
    const _Bool good =
        sct_decoder_push(decoder, tokens, work->tokens, samples, &first, fault) == SCT_SOUND &&
        sct_decoder_flush(decoder, samples + first, &rest, fault) == SCT_SOUND;
    if (good) {
        work->crc = sct_crc32((uint8_t *)samples, (first + rest) * sizeof *samples, 0);
        for (size_t i = 0; i < first + rest; i++)
            if (samples[i] - samples[i] != 0) abort();
    }
    free(samples);
    return good;
}

/* A tone that rises, and noise. */
static void make_sound(float *samples, size_t count) {
    uint32_t noise = 1;
    for (size_t i = 0; i < count; i++) {
        noise = noise * 1664525u + 1013904223u;
        const double phase = (double)(i % (200 - i / 100)) / (double)(200 - i / 100);
        samples[i] = (float)(0.3 * (phase - 0.5) + 0.1 * ((double)(noise >> 8) / (1 << 24) - 0.5));
    }
}

static _Bool hear(job *work, sct_encoder *encoder, sct_fault *fault) {
    static float samples[HEARD];
    static int8_t voice[SCT_MAX_VOICE];
    size_t first, rest;
    const size_t size = sct_encoder_voice_size(encoder);
    uint32_t *tokens = (malloc)((sct_encoder_room(encoder, HEARD) + sct_encoder_room(encoder, 0)) *
                                sizeof *tokens);
    if (!tokens) return sct_fail(fault, SCT_NO_MEMORY, "no room for the tokens");
    make_sound(samples, HEARD);
    const _Bool good =
        sct_encoder_push(encoder, samples, HEARD, tokens, &first, fault) == SCT_SOUND &&
        sct_encoder_flush(encoder, tokens + first, &rest, fault) == SCT_SOUND &&
        (!size || sct_encoder_voice(encoder, voice, fault) == SCT_SOUND);
    if (good) {
        work->crc = sct_crc32((uint8_t *)tokens, (first + rest) * sizeof *tokens, work->crc);
        work->crc = sct_crc32((uint8_t *)voice, size, work->crc);
    }
    free(tokens);
    return good;
}

static sct_verdict run(job *work, sct_fault *fault) {
    sct_model *model;
    sct_decoder *decoder;
    sct_encoder *encoder;
    *fault = (sct_fault){0};
    if (sct_model_of(work->weights, work->size, &model, fault) == SCT_SOUND &&
        sct_decoder_new(model, NULL, &decoder, fault) == SCT_SOUND) {
        const sct_model_facts *facts = sct_model_about(model);
        const size_t room = work->tokens * facts->frame_size + facts->delay;
        speak(work, decoder, facts->codebook_size, room, fault);
        sct_decoder_free(decoder);
        if (fault->verdict == SCT_SOUND &&
            sct_encoder_open(sct_model_weights(model), HEARD_RATE, &encoder, fault) == SCT_SOUND) {
            hear(work, encoder, fault);
            sct_encoder_close(encoder);
        }
    }
    sct_model_close(model);
    if (fault->verdict != SCT_SOUND && !*fault->says) abort();
    return fault->verdict;
}

#ifdef FAILING
static int fail_all(job *work) {
    for (long number = 0;; number++) {
        sct_fault fault;
        allocations_left = number;
        const sct_verdict verdict = run(work, &fault);
        const _Bool failed = allocations_left < 0;
        allocations_left = -1;
        if (!failed) return printf("%ld allocations failed\n", number) < 0;
        if (verdict != SCT_NO_MEMORY) return 1;
    }
}
#endif

static uint32_t chance(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Alter up to four bytes, half the time in the header or the table; `kept` has them for later. */
static int alter(uint8_t *weights, size_t size, size_t table, uint32_t *seed, size_t *at,
                 uint8_t *kept) {
    const int count = 1 + (int)(chance(seed) % 4);
    for (int i = 0; i < count; i++) {
        at[i] = chance(seed) % (chance(seed) % 2 ? table : size);
        kept[i] = weights[at[i]];
        weights[at[i]] = (uint8_t)(chance(seed) % 3 ? chance(seed) : kept[i] ^ 1u << chance(seed) % 8);
    }
    return count;
}

static int fuzz(job *work, uint8_t *weights, uint32_t seed, int runs) {
    const uint32_t crc = work->crc;
    const size_t table = 64 + 128 * (weights[8] | (size_t)weights[9] << 8);
    int refused = 0;
    for (int run_ = 0; run_ < runs; run_++) {
        size_t at[4];
        uint8_t kept[4];
        sct_fault fault;
        int count = alter(weights, work->size, table, &seed, at, kept);
        if (run(work, &fault) != SCT_SOUND) refused++;
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
        else if (work->crc != crc) return fprintf(stderr, "other sound or tokens were given\n");
#endif
        while (count-- > 0) weights[at[count]] = kept[count];
    }
    work->crc = crc;
    return printf("%d of %d refused\n", refused, runs) < 0;
}

static uint8_t *contents(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) return NULL;
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = aligned_alloc(64, *size); /* files of weights end at a multiple of 64 */
    if (data && fread(data, 1, *size, file) != *size) return NULL;
    fclose(file);
    return data;
}

int main(int count, char **arguments) {
    job work = {0};
    sct_fault fault;
    if (count < 3) return 2;
    uint8_t *weights = contents(arguments[1], &work.size);
    work.weights = weights, work.tokens = (size_t)atoi(arguments[2]);
    if (!weights || work.tokens > MOST_TOKENS) return 2;
#ifdef FAILING
    if (fail_all(&work)) return 1;
#endif
    if (run(&work, &fault) != SCT_SOUND) return fprintf(stderr, "%s\n", fault.says);
    if (count > 4 && fuzz(&work, weights, (uint32_t)atoi(arguments[3]), atoi(arguments[4])))
        return 1;
    printf("%08lx\n", (unsigned long)work.crc);
    free(weights);
    return 0;
}
