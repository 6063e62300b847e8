/* WAV to a .sct file or stream. */

#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../brought.h"
#include "../encoder.h"
#include "../wav.h"
#include "program.h"

enum { PIECE = 4096 }; /* samples read at once */
/* The voice of a stream is sent as soon as it is known a little, and again as it gets known. */
static const double voice_times[] = {0, 0.25, 1, 3.5};
enum { TIMES = sizeof voice_times / sizeof *voice_times };

typedef struct {
    const options *given;
    sct_fault *fault;
    sct_weights *weights;
    sct_brought model;
    sct_header header;
    input in;
    output out;
    sct_wav *wav;
    sct_encoder *encoder;
    sct_writer *writer;
    uint32_t *tokens; /* that wait */
    size_t count, room;
    int64_t received; /* samples */
    int voices;       /* times that have been */
    float piece[PIECE];
} session;

static _Bool no_memory(sct_fault *fault) {
    return sct_fail(fault, SCT_NO_MEMORY, "there is not enough memory");
}

static _Bool open_wav(session *s) {
    sct_wav_close(s->wav);
    sct_wav_open(source_of(&s->in), s->in.size, &s->wav);
    if (!s->wav) return no_memory(s->fault);
    s->received = 0;
    return told(s->fault, sct_wav_fault(s->wav), s->in.name);
}

/* The next piece of at most `most` samples; *found of them, none at the end. */
static _Bool read_piece(session *s, size_t most, size_t *found) {
    sct_wav_read(s->wav, s->piece, most < PIECE ? most : PIECE, found);
    s->received += (int64_t)*found;
    return told(s->fault, sct_wav_fault(s->wav), s->in.name);
}

static _Bool make_room(session *s, size_t more) {
    if (s->count + more <= s->room) return 1;
    const size_t room = 2 * (s->count + more);
    uint32_t *tokens = realloc(s->tokens, room * sizeof *tokens);
    if (!tokens) return no_memory(s->fault);
    s->tokens = tokens;
    s->room = room;
    return 1;
}

/* Tokens of a piece, or those still owed, after the ones that wait. */
static _Bool encode_piece(session *s, size_t found, _Bool end) {
    size_t made = 0;
    sct_fault said = {0};
    if (!make_room(s, sct_encoder_room(s->encoder, found))) return 0;
    if (end)
        sct_encoder_flush(s->encoder, s->tokens + s->count, &made, &said);
    else
        sct_encoder_push(s->encoder, s->piece, found, s->tokens + s->count, &made, &said);
    s->count += made;
    return told(s->fault, &said, s->in.name);
}

static _Bool wrote(session *s) {
    if (sct_writer_fault(s->writer)->verdict == SCT_UNREADABLE)
        return sct_fail(s->fault, SCT_UNREADABLE, "%s cannot be written", s->out.name);
    return told(s->fault, sct_writer_fault(s->writer), s->out.name);
}

static _Bool write_tokens(session *s) {
    sct_writer_tokens(s->writer, s->tokens, s->count);
    s->count = 0;
    return wrote(s);
}

/* `frames`: samples of the recording, -1: not known. */
static _Bool begin_file(session *s, int64_t frames, uint32_t run_frames) {
    sct_header *header = &s->header;
    *header = s->model.header;
    if (s->given->has_payload) header->payload = s->given->payload;
    header->source_sample_rate = sct_wav_rate(s->wav);
    if (frames >= 0) header->num_samples = sct_resampled(header, frames);
    sct_writer_open(sink_of(&s->out), header, &s->model.coder, NULL, run_frames, &s->writer);
    if (!s->writer) return no_memory(s->fault);
    return told(s->fault, sct_writer_fault(s->writer), s->given->model);
}

static _Bool finish_file(session *s) {
    if (!s->received)
        return sct_fail(s->fault, SCT_REFUSED, "%s has no samples", s->in.name);
    sct_writer_finish(s->writer, sct_encoder_samples(s->encoder), s->received);
    return wrote(s) && finish_output(&s->out, s->fault);
}

/* ---- a pipe: records as the sound comes */

static double seconds_of(const session *s) {
    return (double)s->received / sct_wav_rate(s->wav);
}

static _Bool send(session *s) {
    sct_writer_flush(s->writer);
    return wrote(s) && flush_output(&s->out, s->fault);
}

/* The voice, if it is due and known, before tokens that are there. */
static _Bool send_voice(session *s, const int8_t *voice) {
    sct_writer_voice(s->writer, voice);
    while (s->voices < TIMES && voice_times[s->voices] <= seconds_of(s)) s->voices++;
    return wrote(s) && send(s);
}

static _Bool due(const session *s) {
    return s->header.voice_size && s->voices < TIMES && seconds_of(s) >= voice_times[s->voices];
}

/* One record's worth of sound; *ended if it was less. */
static _Bool encode_block(session *s, size_t block, _Bool *ended) {
    int8_t voice[SCT_MAX_VOICE];
    sct_fault unknown = {0};
    for (size_t left = block, found = 1; left && found; left -= found) {
        if (!read_piece(s, left, &found) || !encode_piece(s, found, 0)) return 0;
        *ended = !found;
    }
    const _Bool speaks =
        due(s) && sct_encoder_voice(s->encoder, voice, &unknown) == SCT_SOUND;
    if (*ended && !encode_piece(s, 0, 1)) return 0;
    if (!s->count) return 1;
    if (speaks && !send_voice(s, voice)) return 0;
    return write_tokens(s) && send(s);
}

static _Bool encode_live(session *s) {
    const double latency = s->given->latency;
    const double rate = s->model.header.sample_rate / (double)s->model.header.frame_size;
    const double block = rint(latency * sct_wav_rate(s->wav)), run = ceil(latency * rate);
    _Bool ended = 0;
    if (!begin_file(s, -1, run > 1 ? (uint32_t)run : 1)) return 0;
    while (!ended)
        if (!encode_block(s, block > 1 ? (size_t)block : 1, &ended)) return 0;
    return finish_file(s);
}

/* ---- a file, whose length is known: the voice of its middle comes before its tokens */

/* A header that does not know the length: read all to find it. */
static _Bool find_length(session *s, int64_t *frames) {
    *frames = sct_wav_frames(s->wav);
    if (*frames >= 0) return 1;
    for (size_t found = 1; found;)
        if (!read_piece(s, PIECE, &found)) return 0;
    *frames = s->received;
    return 1;
}

static _Bool begin_again(session *s) {
    if (lseek(s->in.descriptor, 0, SEEK_SET))
        return sct_fail(s->fault, SCT_UNREADABLE, "%s cannot be read twice", s->in.name);
    sct_encoder_restart(s->encoder);
    s->count = 0;
    return open_wav(s);
}

static _Bool put_voice(session *s) {
    int8_t voice[SCT_MAX_VOICE];
    sct_fault said = {0};
    sct_encoder_voice(s->encoder, voice, &said);
    if (!told(s->fault, &said, s->in.name)) return 0;
    sct_writer_voice(s->writer, voice);
    return wrote(s);
}

/* Read up to where the voice is settled, without keeping tokens, and begin again. */
static _Bool look_ahead(session *s) {
    for (size_t found = 1; found && !sct_encoder_settled(s->encoder); s->count = 0)
        if (!read_piece(s, PIECE, &found) || !encode_piece(s, found, 0)) return 0;
    return put_voice(s) && begin_again(s);
}

/* All tokens: into the file as they come, or (`waits`) kept for the voice that goes before them. */
static _Bool encode_all(session *s, _Bool waits) {
    for (size_t found = 1; found;) {
        if (!read_piece(s, PIECE, &found) || !encode_piece(s, found, !found)) return 0;
        if (!waits && !write_tokens(s)) return 0;
    }
    if (!s->received) return finish_file(s);
    return (!waits || (put_voice(s) && write_tokens(s))) && finish_file(s);
}

static _Bool encode_file(session *s) {
    int64_t frames;
    if (!find_length(s, &frames)) return 0;
    if (s->received && !begin_again(s)) return 0;
    if (!begin_file(s, frames, 0)) return 0;
    const _Bool speaks = s->header.voice_size != 0 && frames > 0;
    const int64_t tokens = s->header.num_samples / s->header.frame_size;
    const _Bool is_long = tokens > 2 * SCT_RUN_FRAMES; /* what may be held in memory */
    if (speaks) sct_encoder_expect(s->encoder, frames);
    if (speaks && is_long && !look_ahead(s)) return 0;
    return encode_all(s, speaks && !is_long);
}

static _Bool open_all(session *s) {
    const options *given = s->given;
    sct_fault said = {0};
    if (sct_weights_open(given->model, &s->weights, s->fault) != SCT_SOUND ||
        !sct_bring(s->weights, &s->model, s->fault))
        return named(s->fault, given->model);
    if (!open_input(given->input, &s->in, s->fault)) return 0;
    if (s->in.live) wait_for_input();
    if (!open_output(given->output, &s->in, given->force, &s->out, s->fault) || !open_wav(s))
        return 0;
    sct_encoder_open(s->weights, sct_wav_rate(s->wav), &s->encoder, &said);
    if (!told(s->fault, &said, given->model)) return 0;
    return s->model.header.voice_size == sct_encoder_voice_size(s->encoder) ||
           sct_fail(s->fault, SCT_REFUSED, "%s says another size of its voice than it has",
                    given->model);
}

static void report(const session *s) {
    const sct_bits bits = sct_writer_bits(s->writer);
    const uint64_t all = bits.tokens + bits.voice + bits.container;
    fprintf(stderr,
            "encoded %.2f s to %s: %llu bytes = %llu bits of tokens + %llu of voice + %llu of "
            "container (%.0f bit/s of tokens)\n",
            seconds_of(s), s->out.name, (unsigned long long)all / 8,
            (unsigned long long)bits.tokens, (unsigned long long)bits.voice,
            (unsigned long long)bits.container, (double)bits.tokens / seconds_of(s));
}

_Bool run_encode(const options *given, sct_fault *fault) {
    session *s = calloc(1, sizeof *s);
    if (!s) return no_memory(fault);
    s->given = given;
    s->fault = fault;
    s->in.descriptor = -1;
    if (open_all(s) && (s->in.live ? encode_live(s) : encode_file(s))) report(s);
    sct_writer_close(s->writer);
    sct_encoder_close(s->encoder);
    sct_wav_close(s->wav);
    close_output(&s->out);
    close_input(&s->in);
    sct_weights_close(s->weights);
    free(s->tokens);
    free(s);
    return fault->verdict == SCT_SOUND;
}
