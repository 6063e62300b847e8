/* encode WEIGHTS RATE < float32 samples > ids: first with every allocation failing once. */

#include <stdio.h>
#include <string.h>

#include "encoder.h"

enum { CHUNK = 1000, ROOM = 10000 };

long allocations_left = -1;

static sct_verdict opened(const char *path, uint32_t rate, sct_weights **weights,
                          sct_encoder **encoder, sct_fault *fault) {
    *encoder = NULL;
    memset(fault, 0, sizeof *fault);
    if (sct_weights_open(path, weights, fault) != SCT_SOUND) return fault->verdict;
    return sct_encoder_open(*weights, rate, encoder, fault);
}

/* How many allocations there are, each of which has failed. */
static long fail_all(const char *path, uint32_t rate) {
    for (long number = 0;; number++) {
        sct_weights *weights = NULL;
        sct_encoder *encoder;
        sct_fault fault;
        allocations_left = number;
        const sct_verdict verdict = opened(path, rate, &weights, &encoder, &fault);
        const _Bool failed = allocations_left < 0;
        allocations_left = -1;
        sct_encoder_close(encoder);
        sct_weights_close(weights);
        if (!failed) return number;
        if (verdict != SCT_NO_MEMORY) return -1;
    }
}

int main(int count, char **arguments) {
    static uint32_t tokens[ROOM];
    float samples[CHUNK];
    unsigned rate;
    sct_weights *weights;
    sct_encoder *encoder;
    sct_fault fault;
    size_t found, made;
    if (count != 3 || sscanf(arguments[2], "%u", &rate) != 1) return 2;
    const long failed = fail_all(arguments[1], rate);
    fprintf(stderr, "%ld allocations failed\n", failed);
    if (failed < 10 || opened(arguments[1], rate, &weights, &encoder, &fault) != SCT_SOUND) return 1;
    do {
        found = fread(samples, sizeof *samples, CHUNK, stdin);
        if (sct_encoder_room(encoder, found) > ROOM) return 1;
        const sct_verdict verdict =
            found ? sct_encoder_push(encoder, samples, found, tokens, &made, &fault)
                  : sct_encoder_flush(encoder, tokens, &made, &fault);
        if (verdict != SCT_SOUND) return 1;
        for (size_t i = 0; i < made; i++) printf("%u\n", tokens[i]);
    } while (found);
    sct_encoder_close(encoder);
    sct_weights_close(weights);
    return 0;
}
