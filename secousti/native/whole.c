/* Whole files: a recording in one run, with the least around its tokens. */

#include "checksum.h"
#include "facts.h"
#include "reading.h"

uint32_t sct_seal(const sct_header *header, const sct_coder *coder) {
    if (header->payload != SCT_LEARNED || !coder || !coder->network) return 0;
    return (uint32_t)sct_little(coder->hash, sizeof coder->hash);
}

/* Samples and frames follow from one number: samples of the source if its rate is known. */
static _Bool set_lengths(sct_reader *reader, int64_t told, int64_t more) {
    sct_header *header = &reader->header;
    const _Bool known = header->source_sample_rate != 0;
    header->num_samples = known ? sct_resampled(header, told) : told;
    if (header->num_samples < 0) header->num_samples = INT64_MAX;
    reader->source_num_samples = known ? told : 0;
    reader->all_frames = header->num_samples / header->frame_size + more;
    reader->all_frames += header->num_samples % header->frame_size != 0;
    return sct_check_header(header, &reader->fault);
}

_Bool sct_whole_begin(sct_reader *reader, uint8_t version) {
    sct_cursor *cursor = &reader->cursor;
    uint8_t flags;
    int64_t told, more = 0;
    return sct_take_facts(cursor, version, &reader->header, &flags) &&
           sct_check_header(&reader->header, &reader->fault) &&
           sct_take_varint(cursor, "samples of the recording", INT64_MAX, &told) &&
           (!(flags & SCT_MORE) || sct_take_varint(cursor, "frames more than these need",
                                                   SCT_MOST_TOKENS, &more)) &&
           set_lengths(reader, told, more);
}

/* The checksum, which is for the coder at hand. */
static _Bool unseal(sct_reader *reader) {
    const sct_header *header = &reader->header;
    const _Bool learned = header->payload == SCT_LEARNED;
    const uint32_t crc32 = reader->cursor.crc32;
    uint32_t found;
    if (!sct_take32(&reader->cursor, &found)) return 0;
    if (learned && !reader->coder) {
        if (reader->skims) return 1; /* nobody can tell without its coder */
        return sct_missing_coder(header, &reader->fault);
    }
    if (sct_same(found, crc32 ^ sct_seal(header, reader->coder))) return 1;
    return sct_fail(&reader->fault, SCT_DAMAGED,
                    "the file is damaged%s (its checksum is wrong)",
                    learned ? ", or made with an entropy coder that is not at hand" : "");
}

/* Everything but the run is as long as the header says, so the voice is kept until it is known
   that nothing is damaged. */
static _Bool take_body(sct_reader *reader, size_t *voice_size, uint8_t *voice) {
    sct_cursor *cursor = &reader->cursor;
    const sct_header *header = &reader->header;
    const int64_t frames = reader->all_frames;
    if (frames > SCT_MOST_TOKENS / header->num_codebooks)
        return sct_fail(&reader->fault, SCT_DAMAGED, "it claims %lld frames, more than a run has",
                        (long long)frames);
    const int64_t size = (int64_t)sct_runs_size(header, (size_t)frames);
    int64_t saved;
    if (!sct_take_varint(cursor, "bytes fewer than packed", size, &saved)) return 0;
    reader->run_size = (size_t)(size - saved);
    *voice_size = header->voice_form ? SCT_CODED_VOICE : header->voice_size;
    if (!header->voice_size) *voice_size = 0;
    return sct_take(cursor, voice, *voice_size) &&
           sct_take(cursor, reader->data, reader->run_size) && unseal(reader);
}

static _Bool next_voice(sct_reader *reader, sct_event *event, _Bool *said) {
    uint8_t voice[SCT_MAX_VOICE];
    size_t size = 0;
    if (!take_body(reader, &size, voice)) return 0;
    reader->stage = SCT_AT_RUN;
    if (!size) return 1;
    *event = (sct_event){.kind = SCT_IS_VOICE, .stored_bytes = size, .voice = reader->voice};
    *said = 1;
    return sct_read_voice(&reader->header, reader->coder, voice, size, reader->voice,
                          &event->voice_size, &reader->fault);
}

static _Bool next_run(sct_reader *reader, sct_event *event, _Bool *said) {
    reader->stage = SCT_AT_END;
    if (!reader->all_frames) return 1;
    reader->frames = reader->all_frames;
    *event = (sct_event){.kind = SCT_IS_TOKENS,
                         .frames = (uint32_t)reader->all_frames,
                         .stored_bytes = reader->run_size};
    return *said = 1;
}

_Bool sct_whole_next(sct_reader *reader, sct_event *event, _Bool *said) {
    if (reader->stage == SCT_AT_BODY && !next_voice(reader, event, said)) return 0;
    if (!*said && reader->stage == SCT_AT_RUN && !next_run(reader, event, said)) return 0;
    if (*said) return 1;
    *event = (sct_event){.kind = SCT_IS_END,
                         .start = reader->all_frames,
                         .num_samples = reader->header.num_samples,
                         .source_num_samples = reader->source_num_samples};
    return *said = 1;
}
