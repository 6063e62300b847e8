/* A .sct file or stream to WAV. */

#include <stdlib.h>
#include <string.h>

#include "../brought.h"
#include "../sct.h"
#include "../wav.h"
#include "program.h"

enum { PORTION = 64 }; /* frames decoded at once: a short record may hold an hour of speech */

/* A stream cut, or filled with silence, to its length: until that is told, the last samples are
   held back, as many as may turn out not to be part of the recording. */
typedef struct {
    float *held;
    size_t count, hold;
    int64_t total, given; /* total: -1, not known yet */
} trimmer;

typedef struct {
    const options *given;
    sct_fault *fault;
    sct_model *model;
    sct_brought brought;
    sct_coder coder;
    input in;
    output out;
    sct_reader *reader;
    sct_decoder *decoder;
    trimmer trim;
    float *samples; /* [PORTION * frame_size], or the last ones */
    uint8_t *bytes;
    _Bool speaks; /* in the voices of the file */
} session;

static _Bool no_memory(sct_fault *fault) {
    return sct_fail(fault, SCT_NO_MEMORY, "there is not enough memory");
}

/* ---- from samples to bytes */

static _Bool write_samples(session *s, const float *samples, size_t count) {
    s->trim.given += (int64_t)count;
    for (size_t now; count; samples += now, count -= now) {
        now = count < 4096 ? count : 4096;
        sct_wav_samples(samples, now, s->bytes);
        if (!write_output(&s->out, s->bytes, 2 * now, s->fault)) return 0;
    }
    return 1;
}

/* The first `count` of those held. */
static _Bool let_go(session *s, size_t count) {
    trimmer *trim = &s->trim;
    if (!write_samples(s, trim->held, count)) return 0;
    trim->count -= count;
    memmove(trim->held, trim->held + count, trim->count * sizeof *trim->held);
    return 1;
}

static _Bool put_samples(session *s, const float *samples, size_t count) {
    trimmer *trim = &s->trim;
    memcpy(trim->held + trim->count, samples, count * sizeof *samples);
    trim->count += count;
    return let_go(s, trim->count > trim->hold ? trim->count - trim->hold : 0);
}

static _Bool finish_samples(session *s) {
    static const float silence[256];
    trimmer *trim = &s->trim;
    int64_t left = trim->total < 0 ? (int64_t)trim->count : trim->total - trim->given;
    if (left < 0) left = 0;
    if (!let_go(s, left < (int64_t)trim->count ? (size_t)left : trim->count)) return 0;
    while (trim->total > trim->given) {
        const int64_t lacks = trim->total - trim->given;
        if (!write_samples(s, silence, lacks < 256 ? (size_t)lacks : 256)) return 0;
    }
    return 1;
}

static _Bool begin_wav(session *s) {
    uint8_t header[SCT_WAV_HEADER];
    sct_wav_header(s->brought.header.sample_rate, -1, header);
    return write_output(&s->out, header, sizeof header, s->fault);
}

/* The length, where the beginning can be written again: of files, not of pipes. */
static _Bool finish_wav(session *s) {
    uint8_t header[SCT_WAV_HEADER];
    sct_wav_header(s->brought.header.sample_rate, s->trim.given, header);
    rewrite_start(&s->out, header, sizeof header);
    return finish_output(&s->out, s->fault);
}

/* ---- from events to samples */

static _Bool decode_tokens(session *s, const sct_event *event) {
    const size_t books = s->brought.header.num_codebooks;
    const uint32_t *tokens = event->tokens;
    sct_fault said = {0};
    size_t made;
    for (size_t left = event->frames, now; left; left -= now, tokens += now * books) {
        now = left < PORTION ? left : PORTION;
        sct_decoder_push(s->decoder, tokens, now, s->samples, &made, &said);
        if (!told(s->fault, &said, s->given->model) || !put_samples(s, s->samples, made)) return 0;
        if (s->out.direct && !flush_output(&s->out, s->fault)) return 0;
    }
    return 1;
}

static _Bool set_voice(session *s, const sct_event *event) {
    float voice[SCT_MAX_VOICE] = {0};
    sct_fault said = {0};
    if (!s->speaks || !event->voice_size) return 1;
    for (uint32_t i = 0; i < event->voice_size; i++) voice[i] = (float)event->voice[i] / 127;
    sct_decoder_voice(s->decoder, voice, &said);
    return told(s->fault, &said, s->given->model);
}

static _Bool finish_decoder(session *s) {
    sct_fault said = {0};
    size_t made;
    sct_decoder_flush(s->decoder, s->samples, &made, &said);
    return told(s->fault, &said, s->given->model) && put_samples(s, s->samples, made) &&
           finish_samples(s) && flush_output(&s->out, s->fault);
}

static _Bool decode_events(session *s) {
    sct_event event;
    while (sct_reader_next(s->reader, &event) == SCT_SOUND && event.kind != SCT_IS_OVER) {
        if (event.kind == SCT_IS_VOICE && !set_voice(s, &event)) return 0;
        if (event.kind == SCT_IS_TOKENS && !decode_tokens(s, &event)) return 0;
        if (event.kind == SCT_IS_END) s->trim.total = event.num_samples;
    }
    const sct_fault *said = sct_reader_fault(s->reader);
    if (said->verdict != SCT_SOUND && said->verdict != SCT_CUT_SHORT)
        return told(s->fault, said, s->in.name);
    if (!finish_decoder(s)) return 0; /* of what is cut short, all that is whole is spoken */
    if (said->verdict == SCT_SOUND) return 1;
    if (!s->given->partial) return told(s->fault, said, s->in.name);
    fprintf(stderr, "sct: note: %s: %s\n", s->in.name, said->says);
    return 1;
}

/* ---- is it a file of this codec? */

static void print_hash(const uint8_t *hash, size_t size, char *out) {
    for (size_t i = 0; i < size; i++) snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static _Bool check_codec(session *s) {
    const sct_header *header = sct_reader_header(s->reader), *own = &s->brought.header;
    char theirs[2 * SCT_HASH + 1], ours[2 * SCT_HASH + 1];
    print_hash(header->token_hash, header->whole ? 4 : SCT_HASH, theirs);
    print_hash(own->token_hash, SCT_HASH, ours);
    if (!sct_reads_tokens(header, own->token_hash))
        return sct_fail(s->fault, SCT_REFUSED,
                        "%s holds tokens of another codec (token hash %s) than %s (token hash %s): "
                        "give it the right one",
                        s->in.name, theirs, s->given->model, ours);
    if (header->sample_rate != own->sample_rate || header->frame_size != own->frame_size ||
        header->codebook_size != own->codebook_size ||
        header->num_codebooks != own->num_codebooks ||
        (header->voice_size && header->voice_size != own->voice_size))
        return sct_fail(s->fault, SCT_REFUSED, "%s says other facts of its codec than the model",
                        s->in.name);
    s->speaks = own->voice_size && sct_reads_voices(header, own->voice_hash);
    if (header->voice_size && !s->speaks)
        fprintf(stderr,
                "sct: note: %s: its voice was made by another voice encoder than that of the "
                "model, which speaks in an average voice\n",
                s->in.name);
    return 1;
}

static _Bool make_buffers(session *s) {
    const sct_model_facts *facts = sct_model_about(s->model);
    const size_t most = PORTION * (size_t)facts->frame_size;
    /* More than any codec pads at the end. */
    s->trim = (trimmer){.hold = 2 * (size_t)facts->frame_size, .total = -1};
    s->trim.held = malloc((s->trim.hold + most + facts->delay) * sizeof(float));
    s->samples = malloc((most + facts->delay) * sizeof(float));
    s->bytes = malloc(2 * 4096);
    return (s->trim.held && s->samples && s->bytes) || no_memory(s->fault);
}

static _Bool open_all(session *s) {
    const options *given = s->given;
    if (sct_model_open(given->model, &s->model, s->fault) != SCT_SOUND ||
        !sct_bring(sct_model_weights(s->model), &s->brought, s->fault))
        return named(s->fault, given->model);
    if (!open_input(given->input, &s->in, s->fault)) return 0;
    if (s->in.live) wait_for_input();
    sct_reader_open(source_of(&s->in), &s->reader);
    if (!s->reader) return no_memory(s->fault);
    if (!told(s->fault, sct_reader_fault(s->reader), s->in.name) || !check_codec(s)) return 0;
    const sct_header *header = sct_reader_header(s->reader);
    sct_reader_most(s->reader, given->max_seconds);
    sct_reader_use(s->reader, sct_coder_for(&s->brought, header, &s->coder));
    if (!told(s->fault, sct_reader_fault(s->reader), s->in.name)) return 0;
    if (sct_decoder_new(s->model, NULL, &s->decoder, s->fault) != SCT_SOUND)
        return named(s->fault, given->model);
    return make_buffers(s) &&
           open_output(given->output, &s->in, given->force, &s->out, s->fault);
}

_Bool run_decode(const options *given, sct_fault *fault) {
    session *s = calloc(1, sizeof *s);
    if (!s) return no_memory(fault);
    s->given = given;
    s->fault = fault;
    s->in.descriptor = -1;
    if (open_all(s) && begin_wav(s) && decode_events(s) && finish_wav(s))
        fprintf(stderr, "decoded %.2f s to %s\n",
                (double)s->trim.given / s->brought.header.sample_rate, s->out.name);
    sct_decoder_free(s->decoder);
    sct_reader_close(s->reader);
    close_output(&s->out);
    close_input(&s->in);
    sct_model_close(s->model);
    free(s->trim.held);
    free(s->samples);
    free(s->bytes);
    free(s);
    return fault->verdict == SCT_SOUND;
}
