#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "facts.h"
#include "reading.h"

static double frame_rate(const sct_header *header) {
    return header->sample_rate / (double)header->frame_size;
}

static _Bool open_any(sct_reader *reader) {
    uint8_t magic[sizeof sct_magic], version;
    sct_cursor *cursor = &reader->cursor;
    size_t found;
    if (!sct_read_up_to(&cursor->source, magic, sizeof magic, &found, &reader->fault)) return 0;
    if (!found) return sct_fail(&reader->fault, SCT_CUT_SHORT, "it is empty");
    if (memcmp(magic, sct_magic, found))
        return sct_fail(&reader->fault, SCT_REFUSED,
                        "it is not a .sct file (it begins with other bytes)");
    cursor->offset = found;
    cursor->crc32 = sct_crc32(magic, found, 0);
    if (!sct_take_byte(cursor, &version)) return 0;
    if (version & SCT_WHOLE) return sct_whole_begin(reader, version);
    if (version == SCT_VERSION) return sct_stream_begin(reader);
    if (version == 1)
        return sct_fail(&reader->fault, SCT_NEWER,
                        "it has format version 1, which only the Python package reads: decode it "
                        "with `secousti decode`");
    return sct_fail(&reader->fault, SCT_NEWER,
                    "it has format version %d, and this program reads version 2: update it",
                    version);
}

sct_verdict sct_reader_open(sct_source source, sct_reader **reader) {
    sct_reader *made = *reader = malloc(sizeof *made);
    if (!made) return SCT_NO_MEMORY;
    memset(made, 0, offsetof(sct_reader, data));
    made->cursor = (sct_cursor){.source = source, .fault = &made->fault};
    made->most_seconds = SCT_MAX_SECONDS;
    if (!open_any(made) && made->fault.verdict == SCT_CUT_SHORT && made->cursor.offset)
        strcpy(made->fault.says, "it ends inside the header");
    made->offset = made->cursor.offset;
    made->bits.container = 8 * made->offset;
    made->runs.header = &made->header;
    return made->fault.verdict;
}

void sct_reader_close(sct_reader *reader) {
    if (!reader) return;
    sct_runs_end(&reader->runs);
    free(reader);
}

const sct_header *sct_reader_header(const sct_reader *reader) { return &reader->header; }
const sct_fault *sct_reader_fault(const sct_reader *reader) { return &reader->fault; }
sct_bits sct_reader_bits(const sct_reader *reader) { return reader->bits; }
int64_t sct_reader_frames(const sct_reader *reader) { return reader->frames; }

const char *sct_reader_json(const sct_reader *reader, size_t *size) {
    *size = reader->json_size;
    return (const char *)reader->data;
}

sct_verdict sct_reader_use(sct_reader *reader, const sct_coder *coder) {
    if (reader->fault.verdict != SCT_SOUND) return reader->fault.verdict;
    reader->coder = coder;
    sct_runs_end(&reader->runs);
    sct_runs_begin(&reader->runs, &reader->header, coder, &reader->fault);
    return reader->fault.verdict;
}

void sct_reader_skim(sct_reader *reader) { reader->skims = 1; }
void sct_reader_most(sct_reader *reader, double seconds) { reader->most_seconds = seconds; }

static _Bool check_length(sct_reader *reader, uint32_t frames) {
    reader->given += frames;
    if ((double)reader->given <= reader->most_seconds * frame_rate(&reader->header)) return 1;
    return sct_fail(&reader->fault, SCT_REFUSED,
                    "it holds more than %g s of speech: allow more if it should",
                    reader->most_seconds);
}

static _Bool check_end(sct_reader *reader, const sct_event *end) {
    const sct_header *header = &reader->header;
    const long long samples = end->num_samples, source = end->source_num_samples;
    if (header->num_samples >= 0 && header->num_samples != samples)
        return sct_fail(&reader->fault, SCT_DAMAGED,
                        "it says %lld samples, and the header %lld", samples,
                        (long long)header->num_samples);
    if (!header->source_sample_rate || !source) return 1;
    double apart = (double)source / header->source_sample_rate;
    apart -= (double)samples / header->sample_rate;
    if ((apart < 0 ? -apart : apart) * frame_rate(header) <= 1) return 1;
    return sct_fail(&reader->fault, SCT_DAMAGED,
                    "%lld samples at %lu Hz are not as long as %lld at %lu Hz", source,
                    (unsigned long)header->source_sample_rate, samples,
                    (unsigned long)header->sample_rate);
}

/* Decode a run, whose data the record has brought. */
static _Bool decode(sct_reader *reader, sct_event *event) {
    if (!check_length(reader, event->frames)) return 0;
    if (reader->skims) return 1;
    event->tokens = reader->tokens;
    return sct_runs_read(&reader->runs, reader->data, event->stored_bytes, event->frames,
                         reader->tokens, &reader->fault);
}

static _Bool next_record(sct_reader *reader, sct_event *event, _Bool *said) {
    *event = (sct_event){0};
    *said = 0;
    const _Bool read = reader->header.whole ? sct_whole_next(reader, event, said)
                                            : sct_stream_next(reader, event, said);
    if (!read) return 0;
    if (*said && event->kind == SCT_IS_TOKENS && !decode(reader, event)) return 0;
    if (*said && event->kind == SCT_IS_END && !check_end(reader, event)) return 0;
    reader->ended = *said && event->kind == SCT_IS_END;
    uint64_t *stored = event->kind == SCT_IS_VOICE ? &reader->bits.voice : &reader->bits.tokens;
    *stored += 8 * event->stored_bytes;
    reader->bits.container += 8 * (reader->cursor.offset - reader->offset - event->stored_bytes);
    reader->count++;
    reader->offset = reader->cursor.offset;
    return 1;
}

static _Bool nothing_follows(sct_reader *reader, sct_event *event) {
    uint8_t byte;
    size_t found = 0;
    *event = (sct_event){.kind = SCT_IS_OVER};
    if (reader->over) return 1;
    if (!sct_read_up_to(&reader->cursor.source, &byte, 1, &found, &reader->fault)) return 0;
    if (found) return sct_fail(&reader->fault, SCT_DAMAGED, "something follows the end record");
    return reader->over = 1;
}

sct_verdict sct_reader_next(sct_reader *reader, sct_event *event) {
    if (reader->fault.verdict != SCT_SOUND) return reader->fault.verdict;
    _Bool said = 0, good = 1;
    if (reader->ended) good = said = nothing_follows(reader, event);
    while (good && !said) good = next_record(reader, event, &said);
    if (!good)
        sct_fail_at(&reader->fault, "record %llu (at byte %llu): ",
                    (unsigned long long)reader->count, (unsigned long long)reader->offset);
    return reader->fault.verdict;
}

sct_verdict sct_reader_join(sct_reader *reader, sct_source source) {
    if (reader->header.whole) {
        sct_fail(&reader->fault, SCT_REFUSED, "a file of one run has no later record to begin at");
        return reader->fault.verdict;
    }
    reader->fault = (sct_fault){0};
    reader->cursor = (sct_cursor){.source = source, .fault = &reader->fault};
    reader->frames = -1;
    reader->given = 0;
    reader->count = reader->offset = 0;
    reader->ended = reader->over = 0;
    reader->fresh = 1;
    reader->bits = (sct_bits){0};
    return SCT_SOUND;
}
