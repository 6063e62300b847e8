/* What a .sct file holds, checked to the last byte. */

#include <stdlib.h>
#include <string.h>

#include "../brought.h"
#include "program.h"

static const char *const payloads[] = {"packed", "adaptive", "learned"};

typedef struct {
    int64_t frames, samples;
    unsigned long runs, voices;
} counts;

static void print_hash(const uint8_t *hash, size_t size) {
    for (size_t i = 0; i < size; i++) printf("%02x", hash[i]);
}

/* ASCII as it is, the rest spelled: JSON may hold what a terminal obeys. */
static void print_json(const char *json, size_t size) {
    printf("extra            ");
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)json[i];
        if (c >= ' ' && c < 0x7F)
            putchar(c);
        else
            printf("\\x%02x", c);
    }
    putchar('\n');
}

static void print_codec(const sct_header *header) {
    printf("tokens of        token hash ");
    print_hash(header->token_hash, header->whole ? 4 : SCT_HASH);
    printf("\nsample rate      %lu Hz, %lu samples a frame\n", (unsigned long)header->sample_rate,
           (unsigned long)header->frame_size);
    if (header->source_sample_rate)
        printf("recorded at      %lu Hz\n", (unsigned long)header->source_sample_rate);
    else
        puts("recorded at      unknown");
    printf("codebook         %lu x %lu\n", (unsigned long)header->num_codebooks,
           (unsigned long)header->codebook_size);
}

static void print_bits(const char *name, uint64_t bits, double duration) {
    printf("%-16s %llu bits", name, (unsigned long long)bits);
    if (duration > 0) printf(" = %.3f kbit/s", (double)bits / duration / 1000);
    putchar('\n');
}

static void print_counts(const sct_header *header, const counts *found, sct_bits bits) {
    const double duration = (double)found->samples / header->sample_rate;
    const double tokens = (double)found->frames * header->num_codebooks;
    printf("form             %s, %s tokens, %.2f bits a token\n",
           header->whole ? "whole file" : "stream", payloads[header->payload],
           tokens > 0 ? (double)bits.tokens / tokens : 0.0);
    printf("duration         %.3f s (%lld samples)\n", duration, (long long)found->samples);
    printf("tokens           %.0f in %lu records, %lu of the voice\n", tokens, found->runs,
           found->voices);
    print_bits("tokens on disk", bits.tokens, duration);
    print_bits("voice", bits.voice, duration);
    print_bits("container", bits.container, duration);
    print_bits("whole file", bits.tokens + bits.voice + bits.container, duration);
}

static _Bool count(sct_reader *reader, counts *found) {
    sct_event event;
    while (sct_reader_next(reader, &event) == SCT_SOUND && event.kind != SCT_IS_OVER) {
        found->runs += event.kind == SCT_IS_TOKENS;
        found->voices += event.kind == SCT_IS_VOICE;
        if (event.kind != SCT_IS_END) continue;
        found->frames = event.start;
        found->samples = event.num_samples;
    }
    return sct_reader_fault(reader)->verdict == SCT_SOUND;
}

/* The model's coder for the file, if one is given that is for it; else runs are not decoded. */
static _Bool use_model(sct_reader *reader, const sct_brought *model, sct_coder *copy,
                       sct_fault *fault, const char *name) {
    const sct_header *header = sct_reader_header(reader);
    if (!model) {
        if (header->payload == SCT_LEARNED) sct_reader_skim(reader);
        return 1;
    }
    if (!sct_reads_tokens(header, model->header.token_hash))
        return sct_fail(fault, SCT_REFUSED, "%s holds tokens of another codec than the model",
                        name);
    sct_reader_use(reader, sct_coder_for(model, header, copy));
    return told(fault, sct_reader_fault(reader), name);
}

/* All is printed, or nothing: the JSON is kept until the file is known to be sound. */
static _Bool inspect(sct_reader *reader, const options *given, const sct_brought *model,
                     char *json, const char *name, sct_fault *fault) {
    counts found = {0};
    sct_coder copy;
    size_t size;
    const char *brought = sct_reader_json(reader, &size);
    memcpy(json, brought, size);
    sct_reader_most(reader, given->max_seconds);
    if (!use_model(reader, model, &copy, fault, name)) return 0;
    if (!count(reader, &found)) return told(fault, sct_reader_fault(reader), name);
    const sct_header *header = sct_reader_header(reader);
    print_codec(header);
    if (size) print_json(json, size);
    print_counts(header, &found, sct_reader_bits(reader));
    if (header->payload == SCT_LEARNED && !model)
        printf("not checked      %s: that needs the model (--model)\n",
               header->whole ? "the checksum and the tokens" : "what the tokens decode to");
    return 1;
}

static void read_file(input *in, const options *given, const sct_brought *model,
                      sct_fault *fault) {
    sct_reader *reader;
    char *json = malloc(SCT_MAX_SKIP);
    sct_reader_open(source_of(in), &reader);
    if (!json || !reader)
        sct_fail(fault, SCT_NO_MEMORY, "there is not enough memory");
    else if (told(fault, sct_reader_fault(reader), in->name))
        inspect(reader, given, model, json, in->name, fault);
    free(json);
    sct_reader_close(reader);
}

_Bool run_info(const options *given, sct_fault *fault) {
    sct_weights *weights = NULL;
    sct_brought model;
    input in;
    if (given->model) {
        if (sct_weights_open(given->model, &weights, fault) != SCT_SOUND ||
            !sct_bring(weights, &model, fault)) {
            sct_weights_close(weights);
            return named(fault, given->model);
        }
    }
    if (open_input(given->input, &in, fault)) {
        read_file(&in, given, given->model ? &model : NULL, fault);
        close_input(&in);
    }
    sct_weights_close(weights);
    return fault->verdict == SCT_SOUND;
}
