/* Whatever bytes come, the container, the coder, WAV, JSON and the file of weights answer with a
   result or a sentence, and what a reader takes a writer writes again.

   With -fsanitize=fuzzer it is a libFuzzer target (the first byte of an input chooses the part);
   with -DALONE a program: fuzz CODER.sctm RUNS FIRST SEED..., which changes seeds by a generator of
   its own. CODER.sctm (or SCT_FUZZ_CODER): the facts and the coder of a codec. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../secousti/native/brought.h"
#include "../../secousti/native/facts.h"
#include "../../secousti/native/wav.h"

#define CHECK(condition) \
    do {                 \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();        \
        }                   \
    } while (0)

enum { CONTAINER, JOINED, PACKET, WAV, JSON, WEIGHTS, PARTS };

static sct_brought model;
static sct_weights *weights;

typedef struct {
    const uint8_t *data;
    size_t size, portion;
} bytes;

static ptrdiff_t give(void *self, void *out, size_t size) {
    bytes *left = self;
    if (size > left->portion) size = left->portion;
    if (size > left->size) size = left->size;
    if (size) memcpy(out, left->data, size);
    left->data += size;
    left->size -= size;
    return (ptrdiff_t)size;
}

typedef struct {
    uint8_t *data;
    size_t size;
} gathered;

static _Bool gather(void *self, const void *data, size_t size) {
    gathered *all = self;
    uint8_t *more = realloc(all->data, all->size + size + 1);
    if (!more) return 0;
    all->data = more;
    if (size) memcpy(more + all->size, data, size);
    all->size += size;
    return 1;
}

/* A sentence for every fault, and none without. */
static void sentence(const sct_fault *fault) {
    CHECK((fault->verdict == SCT_SOUND) == (fault->says[0] == 0));
    CHECK(strlen(fault->says) < sizeof fault->says);
}

static void check_event(const sct_header *header, const sct_event *event) {
    if (event->kind == SCT_IS_TOKENS)
        for (size_t i = 0; i < (size_t)event->frames * header->num_codebooks; i++)
            CHECK(event->tokens[i] < header->codebook_size);
    if (event->kind == SCT_IS_VOICE)
        CHECK(event->voice_size == header->voice_size || event->voice_size == 0);
    if (event->kind == SCT_IS_END) CHECK(event->num_samples >= 0);
}

static void pass_on(sct_writer *writer, const sct_event *event) {
    if (event->kind == SCT_IS_VOICE && event->voice_size) sct_writer_voice(writer, event->voice);
    if (event->kind == SCT_IS_TOKENS) sct_writer_tokens(writer, event->tokens, event->frames);
    if (event->kind == SCT_IS_END)
        sct_writer_finish(writer, event->num_samples, event->source_num_samples);
}

/* Tokens in all, and a sum over them that tells changed ones. */
static uint64_t read_all(sct_reader *reader, sct_writer *writer, const sct_coder *coder) {
    sct_event event;
    uint64_t sum = 0;
    const sct_header *header = sct_reader_header(reader);
    if (sct_reader_fault(reader)->verdict == SCT_SOUND && coder) sct_reader_use(reader, coder);
    sct_reader_most(reader, 60);
    while (sct_reader_next(reader, &event) == SCT_SOUND && event.kind != SCT_IS_OVER) {
        check_event(header, &event);
        if (writer) pass_on(writer, &event);
        for (size_t i = 0; event.tokens && i < (size_t)event.frames * header->num_codebooks; i++)
            sum = sum * 31 + event.tokens[i] + 1;
    }
    sentence(sct_reader_fault(reader));
    return sum;
}

/* What was read of a good file is written, read again, and the same. */
static void container(const uint8_t *data, size_t size) {
    bytes given = {data, size, size ? 1 + data[0] % 64u : 1};
    sct_reader *reader;
    sct_writer *writer = NULL;
    gathered out = {0};
    sct_coder copy;
    if (sct_reader_open((sct_source){give, &given}, &reader) == SCT_NO_MEMORY && !reader) return;
    sentence(sct_reader_fault(reader));
    const sct_header *header = sct_reader_header(reader);
    const sct_coder *coder = sct_coder_for(&model, header, &copy);
    if (sct_reader_fault(reader)->verdict == SCT_SOUND) {
        const uint32_t run = 1 + header->frame_size % 300;
        sct_writer_open((sct_sink){gather, &out}, header, coder, NULL, run, &writer);
    }
    const uint64_t sum = read_all(reader, writer, coder);
    const _Bool good = sct_reader_fault(reader)->verdict == SCT_SOUND;
    if (good && writer && sct_writer_fault(writer)->verdict == SCT_SOUND) {
        bytes again = {out.data, out.size, 1 << 20};
        sct_reader *second;
        sct_reader_open((sct_source){give, &again}, &second);
        if (second) CHECK(read_all(second, NULL, coder) == sum ||
                          sct_reader_fault(second)->verdict == SCT_NO_MEMORY);
        if (second) CHECK(sct_reader_fault(second)->verdict == SCT_SOUND ||
                          sct_reader_fault(second)->verdict == SCT_NO_MEMORY);
        sct_reader_close(second);
    }
    sct_writer_close(writer);
    sct_reader_close(reader);
    free(out.data);
}

/* The first byte says how much of the file the reader has seen before it joins. */
static void joined(const uint8_t *data, size_t size) {
    if (!size) return;
    bytes given = {data + 1, size - 1, 64}, rest = {data + 1, size - 1, 7};
    const size_t skipped = data[0] < rest.size ? data[0] : rest.size;
    sct_reader *reader;
    sct_coder copy;
    rest.data += skipped;
    rest.size -= skipped;
    sct_reader_open((sct_source){give, &given}, &reader);
    if (!reader) return;
    const sct_coder *coder = sct_coder_for(&model, sct_reader_header(reader), &copy);
    if (sct_reader_fault(reader)->verdict == SCT_SOUND &&
        sct_reader_join(reader, (sct_source){give, &rest}) == SCT_SOUND)
        read_all(reader, NULL, coder);
    sct_reader_close(reader);
}

static void packet(const uint8_t *data, size_t size) {
    static uint32_t tokens[SCT_PACKET_FRAMES];
    static int8_t voice[SCT_MAX_VOICE];
    if (!size) return;
    sct_header header = model.header;
    if (data[0] & 1) header.payload = SCT_PACKED;
    if (data[0] & 2) header.voice_form = 0;
    const sct_coder *coder = data[0] & 4 ? NULL : &model.coder;
    uint8_t *copy = malloc(size), *out = malloc(sct_packet_room(&header, coder, 255));
    size_t frames = 0, made = 0;
    sct_fault fault;
    if (copy && out) {
        memcpy(copy, data + 1, size - 1); /* its own block, so that a byte too far shows */
        if (sct_packet_read(&header, coder, copy, size - 1, tokens, &frames, voice, &fault) ==
            SCT_SOUND)
            sct_packet_make(&header, coder, tokens, frames, voice, out, &made, &fault);
        sentence(&fault);
    }
    free(copy);
    free(out);
}

static void wav(const uint8_t *data, size_t size) {
    static float out[1000];
    if (!size) return;
    bytes given = {data + 1, size - 1, 1 + data[0] / 2u * 40u};
    sct_wav *wav;
    size_t found = 1;
    sct_wav_open((sct_source){give, &given}, data[0] & 1 ? -1 : (int64_t)size - 1, &wav);
    if (!wav) return;
    sct_verdict verdict = sct_wav_fault(wav)->verdict;
    for (int block = 0; verdict == SCT_SOUND && found && block < 200; block++) {
        verdict = sct_wav_read(wav, out, 1 + data[0] * 3u, &found);
        for (size_t i = 0; i < found; i++) CHECK(out[i] >= -2 && out[i] <= 2);
    }
    sentence(sct_wav_fault(wav));
    sct_wav_close(wav);
}

static void json(const uint8_t *data, size_t size) {
    const char *wrong = NULL;
    char *copy = malloc(size + 1);
    if (!copy) return;
    if (size) memcpy(copy, data, size);
    CHECK(sct_json_object(copy, size, &wrong) == !wrong || wrong);
    free(copy);
}

static void brought(const uint8_t *data, size_t size) {
    static _Alignas(64) uint8_t copy[1 << 16];
    static sct_brought found;
    sct_weights *read = NULL;
    sct_fault fault = {0};
    if (size > sizeof copy) return;
    memcpy(copy, data, size);
    if (sct_weights_of(copy, size, &read, &fault) == SCT_SOUND) sct_bring(read, &found, &fault);
    sentence(&fault);
    sct_weights_close(read);
}

static void attack(const uint8_t *data, size_t size) {
    static void (*const parts[PARTS])(const uint8_t *, size_t) = {container, joined, packet,
                                                                  wav,       json,   brought};
    if (size) parts[data[0] % PARTS](data + 1, size - 1);
}

static void load(const char *path) {
    sct_fault fault = {0};
    if (sct_weights_open(path, &weights, &fault) != SCT_SOUND ||
        !sct_bring(weights, &model, &fault)) {
        fprintf(stderr, "%s: %s\n", path, fault.says);
        exit(2);
    }
}

#ifndef ALONE

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!weights) load(getenv("SCT_FUZZ_CODER"));
    attack(data, size);
    return 0;
}

#else

#ifdef FAILING
long allocations_left = -1;
#endif

static uint64_t state;

/* The same input while one allocation after the other fails. */
static void starve(const uint8_t *data, size_t size) {
#ifdef FAILING
    for (long n = 0; n < 24; n++) {
        allocations_left = n;
        attack(data, size);
    }
    allocations_left = -1;
#else
    (void)data, (void)size;
#endif
}

static uint32_t below(uint32_t most) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % most;
}

/* A few bytes changed, left out, doubled or put in; gives the new size. */
static size_t change(uint8_t *data, size_t size, size_t room) {
    static const uint8_t odd[] = {0, 1, 0x7F, 0x80, 0xFF, 0xFE, 3, 16};
    for (uint32_t n = 1 + below(4); n-- > 0;) {
        const size_t at = 1 + below((uint32_t)size < 80 || below(2) ? (uint32_t)size : 80);
        const size_t count = 1 + below(12);
        if (at >= size) continue;
        switch (below(4)) {
        case 0: data[at] = below(2) ? odd[below(8)] : (uint8_t)below(256); break;
        case 1: data[at] ^= (uint8_t)(1 << below(8)); break;
        case 2:
            if (at + count > size) break;
            memmove(data + at, data + at + count, size - at - count);
            size -= count;
            break;
        default:
            if (size + count > room) break;
            memmove(data + at + count, data + at, size - at);
            size += count;
        }
    }
    return size;
}

static uint8_t *read_file(const char *path, size_t *size) {
    static uint8_t data[1 << 16];
    FILE *file = fopen(path, "rb");
    CHECK(file);
    *size = fread(data, 1, sizeof data, file);
    fclose(file);
    return data;
}

int main(int count, char **arguments) {
    static uint8_t changed[1 << 17];
    if (count < 5) return 2;
    load(arguments[1]);
    const unsigned long runs = strtoul(arguments[2], NULL, 10);
    const unsigned long first = strtoul(arguments[3], NULL, 10);
    for (int i = 4; i < count; i++) {
        size_t size;
        const uint8_t *data = read_file(arguments[i], &size);
        attack(data, size);
        starve(data, size);
        for (unsigned long run = first; run < first + runs; run++) {
            state = (run + 1) * 0x9E3779B97F4A7C15u ^ (uint64_t)i;
            memcpy(changed, data, size);
            const size_t left = change(changed, size, sizeof changed);
            uint8_t *exact = malloc(left + 1); /* so that a byte too far shows */
            if (!exact) continue;
            memcpy(exact, changed, left);
            attack(exact, left);
            free(exact);
        }
    }
    printf("%lu runs of each of %d seeds\n", runs, count - 4);
    sct_weights_close(weights);
    return 0;
}

#endif
