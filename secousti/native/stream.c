/* Streams: a header, then records that are bound to all that came before them. */

#include "checksum.h"
#include "facts.h"
#include "reading.h"

uint16_t sct_chain_start(uint32_t value) {
    uint8_t data[4];
    sct_put_little(data, value, sizeof data);
    return sct_crc16(data, sizeof data, SCT_CRC16_START);
}

size_t sct_put_sync(int64_t frame, uint32_t crc32, uint8_t out[SCT_MOST_SYNC]) {
    uint8_t *at = out;
    *at++ = SCT_SYNC_RECORD;
    at += sct_put_varint(at, (uint64_t)frame);
    sct_put_little(at, crc32, 4);
    at += 4;
    const size_t body = (size_t)(at - out) - 1;
    sct_put_little(at, sct_crc16(out + 1, body, sct_chain_start(SCT_SYNC_RECORD)), 2);
    return body + 3;
}

static _Bool take_json(sct_reader *reader) {
    int64_t size;
    if (!sct_take_varint(&reader->cursor, "bytes of JSON", SCT_MAX_SKIP, &size)) return 0;
    reader->json_size = (size_t)size;
    return sct_take(&reader->cursor, reader->data, reader->json_size);
}

static _Bool check_json(sct_reader *reader) {
    const char *wrong;
    if (!reader->json_size) return 1;
    if (sct_json_object((const char *)reader->data, reader->json_size, &wrong)) return 1;
    return sct_fail(&reader->fault, SCT_DAMAGED, "its header is not valid: %s", wrong);
}

_Bool sct_stream_begin(sct_reader *reader) {
    sct_cursor *cursor = &reader->cursor;
    uint8_t flags;
    int64_t samples, run_frames;
    uint32_t found;
    if (!sct_take_facts(cursor, SCT_VERSION, &reader->header, &flags) ||
        !sct_take_varint(cursor, "samples + 1, 0 if not known", INT64_MAX, &samples) ||
        !sct_take_varint(cursor, "frames of a short run", SCT_MOST_TOKENS, &run_frames) ||
        !take_json(reader))
        return 0;
    const uint32_t crc32 = cursor->crc32;
    if (!sct_take32(cursor, &found)) return 0;
    if (!sct_same(found, crc32))
        return sct_fail(&reader->fault, SCT_DAMAGED,
                        "the header is damaged (its checksum is wrong)");
    cursor->crc32 = crc32; /* with its own checksum, any header would come to the same number */
    cursor->crc16 = sct_chain_start(crc32);
    reader->header.num_samples = samples - 1;
    reader->run_frames = (uint32_t)run_frames;
    reader->crc32 = crc32;
    reader->fresh = 1;
    return check_json(reader) && sct_check_header(&reader->header, &reader->fault);
}

/* The end of a record: its checksum, which says nothing while what came before is not known. */
static _Bool checked(sct_reader *reader, _Bool *said) {
    sct_cursor *cursor = &reader->cursor;
    const uint16_t chain = cursor->crc16;
    uint16_t found;
    if (!sct_take16(cursor, &found)) return 0;
    cursor->crc16 = chain;
    if (reader->frames < 0) {
        *said = 0;
        return 1;
    }
    if (!sct_same(found, chain))
        return sct_fail(&reader->fault, SCT_DAMAGED,
                        "its checksum is wrong: it is damaged, or records before it are missing, "
                        "out of order, or of another file");
    reader->crc32 = cursor->crc32;
    return 1;
}

static _Bool check_coder(sct_reader *reader, int64_t saved) {
    const sct_header *header = &reader->header;
    if (!saved || header->payload != SCT_LEARNED || reader->skims || reader->runs.coder) return 1;
    return sct_missing_coder(header, &reader->fault);
}

/* A run of so many frames, `saved` bytes fewer than packed; less than 0: that follows. */
static _Bool take_run(sct_reader *reader, int64_t frames, int64_t saved, sct_event *event,
                      _Bool *said) {
    const int64_t count = frames * reader->header.num_codebooks;
    if (count <= 0 || count > SCT_MOST_TOKENS)
        return sct_fail(&reader->fault, SCT_DAMAGED, "it claims %lld tokens", (long long)count);
    const int64_t size = (int64_t)sct_runs_size(&reader->header, (size_t)frames);
    if (saved < 0 && !sct_take_varint(&reader->cursor, "bytes fewer than packed", size, &saved))
        return 0;
    if (saved > size)
        return sct_fail(&reader->fault, SCT_DAMAGED, "it claims %lld bytes fewer than %lld",
                        (long long)saved, (long long)size);
    *event = (sct_event){.kind = SCT_IS_TOKENS,
                         .start = reader->frames,
                         .frames = (uint32_t)frames,
                         .stored_bytes = (uint64_t)(size - saved)};
    *said = 1;
    if (!sct_take(&reader->cursor, reader->data, (size_t)(size - saved))) return 0;
    if (!check_coder(reader, saved) || !checked(reader, said)) return 0;
    if (!*said) return 1;
    if (reader->fresh) sct_runs_restart(&reader->runs);
    reader->fresh = 0;
    reader->frames += frames;
    return 1;
}

static _Bool take_voice(sct_reader *reader, sct_event *event, _Bool *said) {
    int64_t size;
    if (!sct_take_varint(&reader->cursor, "bytes of the voice", SCT_MAX_VOICE, &size)) return 0;
    if (!sct_take(&reader->cursor, reader->data, (size_t)size)) return 0;
    *event = (sct_event){.kind = SCT_IS_VOICE, .start = reader->frames, .voice = reader->voice};
    event->stored_bytes = (uint64_t)size;
    *said = 1;
    return sct_read_voice(&reader->header, reader->runs.coder, reader->data, (size_t)size,
                          reader->voice, &event->voice_size, &reader->fault) &&
           checked(reader, said);
}

/* A place to begin: where it is and what came before are said, and coders start anew. */
static _Bool take_sync(sct_reader *reader) {
    sct_cursor *cursor = &reader->cursor;
    uint8_t record[SCT_MOST_SYNC];
    int64_t frame;
    uint32_t before;
    uint16_t found;
    cursor->crc16 = sct_chain_start(SCT_SYNC_RECORD);
    if (!sct_take_varint(cursor, "frame", INT64_MAX, &frame) || !sct_take32(cursor, &before))
        return 0;
    const uint16_t own = cursor->crc16;
    if (!sct_take16(cursor, &found)) return 0;
    if (!sct_same(found, own)) return sct_fail(&reader->fault, SCT_DAMAGED, "its checksum is wrong");
    if (reader->frames < 0 && frame >> 40) /* samples must stay below 2^63 */
        return sct_fail(&reader->fault, SCT_REFUSED, "it says that %lld frames came before",
                        (long long)frame);
    if (reader->frames < 0) /* checksums go on from what the stream was before this record */
        cursor->crc32 = sct_crc32(record, sct_put_sync(frame, before, record), before);
    else if (!sct_same(before, reader->crc32) || frame != reader->frames)
        return sct_fail(&reader->fault, SCT_DAMAGED,
                        "records before it are missing, out of order, or of another file");
    cursor->crc16 = own;
    reader->frames = frame;
    reader->crc32 = cursor->crc32;
    reader->fresh = 1;
    return 1;
}

static _Bool take_end(sct_reader *reader, sct_event *event) {
    sct_cursor *cursor = &reader->cursor;
    int64_t missing, source;
    uint32_t found;
    if (!sct_take_varint(cursor, "samples that the last frames have too many", INT64_MAX,
                         &missing) ||
        !sct_take_varint(cursor, "samples of the source", INT64_MAX, &source))
        return 0;
    const uint32_t crc32 = cursor->crc32;
    *event = (sct_event){.kind = SCT_IS_END};
    if (!sct_take32(cursor, &found)) return 0;
    if (reader->frames < 0) return 1;
    if (!sct_same(found, crc32))
        return sct_fail(&reader->fault, SCT_DAMAGED,
                        "the stream is damaged, or records are missing (its checksum is wrong)");
    event->num_samples = reader->frames * reader->header.frame_size - missing;
    event->source_num_samples = source;
    event->start = reader->frames;
    if (event->num_samples >= 0) return 1;
    return sct_fail(&reader->fault, SCT_DAMAGED, "%lld frames cannot make %lld samples",
                    (long long)reader->frames, (long long)event->num_samples);
}

static _Bool skip_record(sct_reader *reader, _Bool *said) {
    int64_t size;
    if (!sct_take_varint(&reader->cursor, "bytes that follow", SCT_MAX_SKIP, &size)) return 0;
    return sct_take(&reader->cursor, reader->data, (size_t)size) && checked(reader, said);
}

_Bool sct_stream_next(sct_reader *reader, sct_event *event, _Bool *said) {
    uint8_t kind;
    size_t there = 0;
    sct_cursor *cursor = &reader->cursor;
    if (!sct_take_first(cursor, &kind, &there)) return 0;
    if (!there)
        return sct_fail(&reader->fault, SCT_CUT_SHORT,
                        "the file ends here without an end record, after %lld whole frames",
                        (long long)(reader->frames < 0 ? 0 : reader->frames));
    if (kind >= SCT_SHORT_RUN) {
        const int less = (kind - SCT_SHORT_RUN) / SCT_SAVINGS;
        const int saved = (kind - SCT_SHORT_RUN) % SCT_SAVINGS;
        return take_run(reader, (int64_t)reader->run_frames - less, saved, event, said);
    }
    int64_t frames;
    switch (kind) {
    case SCT_END_RECORD: *said = 1; return take_end(reader, event);
    case SCT_SYNC_RECORD: return take_sync(reader);
    case SCT_VOICE_RECORD: return take_voice(reader, event, said);
    case SCT_RUN_RECORD:
        return sct_take_varint(cursor, "frames", SCT_MOST_TOKENS, &frames) &&
               take_run(reader, frames, -1, event, said);
    default: break;
    }
    if (kind >= SCT_FIRST_SKIPPED) return skip_record(reader, said);
    return sct_fail(&reader->fault, SCT_NEWER, "it is of kind %d, which needs a newer secousti",
                    kind);
}
