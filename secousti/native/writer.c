#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "facts.h"
#include "reading.h"

enum { SYNC_SECONDS = 30 }; /* between places where a reader may begin */

struct sct_writer {
    sct_fault fault;
    sct_sink sink;
    sct_header header;
    const sct_coder *coder;
    sct_runs runs;
    sct_bits bits;
    const char *json;
    uint32_t run_frames;
    int64_t sync_frames, synced; /* frames between places to begin; of the last one */
    int64_t frames;              /* written */
    _Bool begun, has_voice;      /* the stream has begun; a voice waits for it */
    int voices;                  /* sent */
    uint32_t crc32;
    uint16_t crc16;
    size_t pending;              /* frames that wait */
    uint32_t *tokens;            /* [run_frames, num_codebooks] */
    uint8_t *scratch;
    int8_t voice[SCT_MAX_VOICE];
};

/* Of 30 s, to the nearest, of two equally near numbers the even one. */
static int64_t frames_to_sync(const sct_header *header) {
    const int64_t samples = (int64_t)SYNC_SECONDS * header->sample_rate, size = header->frame_size;
    const int64_t whole = samples / size, rest = samples % size;
    return whole + (2 * rest > size || (2 * rest == size && whole % 2));
}

static _Bool check_coder(sct_header *header, const sct_coder *coder, sct_fault *fault) {
    memset(header->coder_hash, 0, sizeof header->coder_hash);
    if (header->payload == SCT_LEARNED) {
        if (!coder || !coder->network)
            return sct_fail(fault, SCT_REFUSED,
                            "the model has no learned entropy coder: choose adaptive or packed");
        memcpy(header->coder_hash, coder->hash, sizeof coder->hash);
    }
    if (header->voice_form && (!coder || !coder->voice))
        return sct_fail(fault, SCT_REFUSED, "the model has no code for voices");
    return 1;
}

static _Bool check_json(const char *json, sct_fault *fault) {
    const char *wrong;
    if (!json) return 1;
    const size_t size = strlen(json);
    if (size > SCT_MAX_SKIP)
        return sct_fail(fault, SCT_REFUSED, "the header's extra fields are %lu bytes; %d fit",
                        (unsigned long)size, SCT_MAX_SKIP);
    return sct_json_object(json, size, &wrong) ||
           sct_fail(fault, SCT_REFUSED, "the header's extra fields are not JSON: %s", wrong);
}

static _Bool prepare(sct_writer *w, uint32_t run_frames) {
    sct_header *header = &w->header;
    if (!sct_check_header(header, &w->fault) || !check_coder(header, w->coder, &w->fault) ||
        !check_json(w->json, &w->fault))
        return 0;
    const uint32_t most = SCT_MOST_TOKENS / header->num_codebooks;
    const uint32_t wanted = run_frames ? run_frames : SCT_RUN_FRAMES;
    w->run_frames = wanted < most ? wanted : most;
    w->sync_frames = frames_to_sync(header);
    if (w->sync_frames < w->run_frames) w->sync_frames = w->run_frames;
    if (!sct_runs_begin(&w->runs, header, w->coder, &w->fault)) return 0;
    const size_t count = (size_t)w->run_frames * header->num_codebooks;
    w->tokens = malloc(count * sizeof *w->tokens);
    w->scratch = malloc(sct_runs_room(header, w->coder, w->run_frames));
    return (w->tokens && w->scratch) ||
           sct_fail(&w->fault, SCT_NO_MEMORY, "there is not enough memory");
}

sct_verdict sct_writer_open(sct_sink sink, const sct_header *header, const sct_coder *coder,
                            const char *json, uint32_t run_frames, sct_writer **writer) {
    sct_writer *made = *writer = calloc(1, sizeof *made);
    if (!made) return SCT_NO_MEMORY;
    made->sink = sink;
    made->header = *header;
    made->header.whole = 0;
    made->coder = coder;
    made->json = json && strcmp(json, "{}") ? json : NULL;
    prepare(made, run_frames);
    return made->fault.verdict;
}

void sct_writer_close(sct_writer *writer) {
    if (!writer) return;
    sct_runs_end(&writer->runs);
    free(writer->tokens);
    free(writer->scratch);
    free(writer);
}

const sct_fault *sct_writer_fault(const sct_writer *writer) { return &writer->fault; }
sct_bits sct_writer_bits(const sct_writer *writer) { return writer->bits; }

static _Bool put(sct_writer *w, const uint8_t *data, size_t size) {
    w->crc32 = sct_crc32(data, size, w->crc32);
    w->crc16 = sct_crc16(data, size, w->crc16);
    w->bits.container += 8 * size;
    return w->sink.write(w->sink.self, data, size) ||
           sct_fail(&w->fault, SCT_UNREADABLE, "it cannot be written");
}

/* Bytes of which all are counted as something else than the container. */
static _Bool put_as(sct_writer *w, const uint8_t *data, size_t size, uint64_t *bits) {
    if (!put(w, data, size)) return 0;
    w->bits.container -= 8 * size;
    *bits += 8 * size;
    return 1;
}

static _Bool put_number(sct_writer *w, uint64_t value, size_t size) {
    uint8_t data[8];
    sct_put_little(data, value, size);
    return put(w, data, size);
}

static _Bool put_varint(sct_writer *w, uint64_t value) {
    uint8_t data[SCT_MOST_VARINT];
    return put(w, data, sct_put_varint(data, value));
}

static _Bool put_header(sct_writer *w) {
    uint8_t facts[SCT_MOST_FACTS];
    const size_t size = w->json ? strlen(w->json) : 0;
    if (!put(w, facts, sct_put_facts(&w->header, 0, facts)) ||
        !put_varint(w, (uint64_t)(w->header.num_samples + 1)) || !put_varint(w, w->run_frames) ||
        !put_varint(w, size) || !put(w, (const uint8_t *)w->json, size))
        return 0;
    const uint32_t crc32 = w->crc32;
    if (!put_number(w, crc32, 4)) return 0;
    w->crc32 = crc32;
    w->crc16 = sct_chain_start(crc32);
    return 1;
}

static _Bool put_chain(sct_writer *w) {
    const uint16_t chain = w->crc16;
    if (!put_number(w, chain, 2)) return 0;
    w->crc16 = chain;
    return 1;
}

static _Bool sync_if_due(sct_writer *w) {
    uint8_t record[SCT_MOST_SYNC];
    if (w->frames - w->synced < w->sync_frames) return 1;
    const size_t size = sct_put_sync(w->frames, w->crc32, record);
    if (!put(w, record, size)) return 0;
    w->crc16 = (uint16_t)sct_little(record + size - 2, 2);
    w->synced = w->frames;
    sct_runs_restart(&w->runs);
    return 1;
}

static _Bool put_voice(sct_writer *w, const int8_t *voice) {
    uint8_t data[SCT_MAX_VOICE];
    if (!sync_if_due(w)) return 0;
    const size_t size = sct_store_voice(&w->header, w->coder, voice, w->voices, data);
    w->voices += w->voices < 100; /* more make no difference */
    return put_number(w, SCT_VOICE_RECORD, 1) && put_varint(w, size) &&
           put_as(w, data, size, &w->bits.voice) && put_chain(w);
}

/* The stream that a file becomes when it is not held any longer. */
static _Bool begin(sct_writer *w) {
    if (w->begun) return 1;
    w->begun = 1;
    return put_header(w) && (!w->has_voice || put_voice(w, w->voice));
}

/* All tokens that wait, as one run. */
static _Bool put_run(sct_writer *w) {
    const uint8_t *data;
    size_t size;
    if (!w->pending) return 1;
    if (!begin(w) || !sync_if_due(w)) return 0;
    if (!sct_runs_store(&w->runs, w->tokens, w->pending, w->scratch, &data, &size, &w->fault))
        return 0;
    const size_t saved = sct_runs_size(&w->header, w->pending) - size;
    const size_t less = w->run_frames - w->pending;
    _Bool good;
    if (less < 2 && saved < SCT_SAVINGS)
        good = put_number(w, SCT_SHORT_RUN + SCT_SAVINGS * less + saved, 1);
    else
        good = put_number(w, SCT_RUN_RECORD, 1) && put_varint(w, w->pending) &&
               put_varint(w, saved);
    w->frames += (int64_t)w->pending;
    w->pending = 0;
    return good && put_as(w, data, size, &w->bits.tokens) && put_chain(w);
}

sct_verdict sct_writer_voice(sct_writer *w, const int8_t *voice) {
    if (w->fault.verdict != SCT_SOUND) return w->fault.verdict;
    _Bool good = w->header.voice_size != 0;
    for (uint32_t i = 0; i < w->header.voice_size; i++) good = good && voice[i] != -128;
    if (!good) {
        sct_fail(&w->fault, SCT_REFUSED, "a voice is %lu numbers in -127..127",
                 (unsigned long)w->header.voice_size);
    } else if (!w->begun && !w->has_voice && !w->pending) {
        w->has_voice = 1;
        memcpy(w->voice, voice, w->header.voice_size);
    } else if (put_run(w) && begin(w)) {
        put_voice(w, voice);
    }
    return w->fault.verdict;
}

static _Bool in_codebook(sct_writer *w, const uint32_t *tokens, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (tokens[i] >= w->header.codebook_size)
            return sct_fail(&w->fault, SCT_REFUSED, "tokens must lie in 0..%lu, found %lu",
                            (unsigned long)w->header.codebook_size - 1, (unsigned long)tokens[i]);
    return 1;
}

sct_verdict sct_writer_tokens(sct_writer *w, const uint32_t *tokens, size_t frames) {
    const size_t books = w->header.num_codebooks;
    if (w->fault.verdict != SCT_SOUND) return w->fault.verdict;
    if (!in_codebook(w, tokens, frames * books)) return w->fault.verdict;
    while (frames) {
        if (w->pending == w->run_frames && !put_run(w)) break;
        const size_t room = w->run_frames - w->pending, now = frames < room ? frames : room;
        memcpy(w->tokens + w->pending * books, tokens, now * books * sizeof *tokens);
        w->pending += now;
        tokens += now * books;
        frames -= now;
    }
    return w->fault.verdict;
}

sct_verdict sct_writer_flush(sct_writer *w) {
    if (w->fault.verdict == SCT_SOUND && begin(w)) put_run(w);
    return w->fault.verdict;
}

/* Frames that a recording of `told` samples needs; less than 0: the file's numbers do not follow
   from that one. */
static int64_t frames_needed(const sct_header *header, int64_t num_samples, int64_t source) {
    const _Bool known = header->source_sample_rate != 0;
    if (known ? num_samples != sct_resampled(header, source) : source != 0) return -1;
    return num_samples / header->frame_size + (num_samples % header->frame_size != 0);
}

static _Bool put_whole(sct_writer *w, int64_t told, uint64_t more) {
    uint8_t facts[SCT_MOST_FACTS], voice[SCT_MAX_VOICE];
    const uint8_t *data = NULL;
    size_t size = 0;
    sct_header header = w->header;
    header.whole = 1;
    if (!w->has_voice) header.voice_size = 0;
    if (w->pending &&
        !sct_runs_store(&w->runs, w->tokens, w->pending, w->scratch, &data, &size, &w->fault))
        return 0;
    const size_t spoken =
        w->has_voice ? sct_store_voice(&header, w->coder, w->voice, -1, voice) : 0;
    return put(w, facts, sct_put_facts(&header, more > 0, facts)) &&
           put_varint(w, (uint64_t)told) && (!more || put_varint(w, more)) &&
           put_varint(w, sct_runs_size(&header, w->pending) - size) &&
           put_as(w, voice, spoken, &w->bits.voice) && put_as(w, data, size, &w->bits.tokens) &&
           put_number(w, w->crc32 ^ sct_seal(&header, w->coder), 4);
}

static _Bool put_end(sct_writer *w, int64_t num_samples, int64_t source) {
    const int64_t missing = w->frames * w->header.frame_size - num_samples;
    return put_number(w, SCT_END_RECORD, 1) && put_varint(w, (uint64_t)missing) &&
           put_varint(w, (uint64_t)source) && put_number(w, w->crc32, 4);
}

sct_verdict sct_writer_finish(sct_writer *w, int64_t num_samples, int64_t source) {
    const int64_t frames = w->frames + (int64_t)w->pending;
    if (w->fault.verdict != SCT_SOUND) return w->fault.verdict;
    if (num_samples < 0 || source < 0 || num_samples > frames * w->header.frame_size) {
        sct_fail(&w->fault, SCT_REFUSED, "%lld frames cannot make %lld samples", (long long)frames,
                 (long long)num_samples);
        return w->fault.verdict;
    }
    if (w->header.num_samples >= 0 && w->header.num_samples != num_samples) {
        sct_fail(&w->fault, SCT_REFUSED, "the header promised %lld samples, not %lld",
                 (long long)w->header.num_samples, (long long)num_samples);
        return w->fault.verdict;
    }
    const int64_t needed = frames_needed(&w->header, num_samples, source);
    if (!w->begun && !w->json && needed >= 0 && frames >= needed)
        put_whole(w, w->header.source_sample_rate ? source : num_samples,
                  (uint64_t)(frames - needed));
    else if (put_run(w) && begin(w))
        put_end(w, num_samples, source);
    return w->fault.verdict;
}
