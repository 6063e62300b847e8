/* Runs of tokens and voices as a file stores them (for the container): packed, or shorter than that
   and coded. */

#ifndef SCT_RUNS_H
#define SCT_RUNS_H

#include "container.h"

typedef struct {
    const sct_header *header;
    const sct_coder *coder;  /* NULL: none at hand */
    sct_token_state *state;  /* of a learned coder that is at hand */
} sct_runs;

/* Take in a coder, that of another model if the header says so being none; SCT_NO_MEMORY. */
_Bool sct_runs_begin(sct_runs *runs, const sct_header *header, const sct_coder *coder,
                     sct_fault *fault);
void sct_runs_end(sct_runs *runs);
/* A place where a reader may begin. */
void sct_runs_restart(sct_runs *runs);

/* Bytes of a packed run; what is shorter is coded. */
size_t sct_runs_size(const sct_header *header, size_t frames);
/* Bytes of scratch that storing so many frames takes. */
size_t sct_runs_room(const sct_header *header, const sct_coder *coder, size_t frames);

/* Tokens [frames, num_codebooks] in the fewest bytes: *size of them, at *data within `scratch`. */
_Bool sct_runs_store(sct_runs *runs, const uint32_t *tokens, size_t frames, uint8_t *scratch,
                     const uint8_t **data, size_t *size, sct_fault *fault);

/* `size` bytes, at most sct_runs_size -> tokens [frames, num_codebooks]. */
_Bool sct_runs_read(sct_runs *runs, const uint8_t *data, size_t size, size_t frames,
                    uint32_t *tokens, sct_fault *fault);

/* SCT_NEWER: the file needs a coder which is not here. Gives false. */
_Bool sct_missing_coder(const sct_header *header, sct_fault *fault);

/* A voice as bytes at `out` (SCT_MAX_VOICE); place: how many its stream had before it, less than 0
   for the only one. Gives their number. */
size_t sct_store_voice(const sct_header *header, const sct_coder *coder, const int8_t *voice,
                       int place, uint8_t *out);
/* Bytes -> *found numbers of a voice, none if its code is not at hand. */
_Bool sct_read_voice(const sct_header *header, const sct_coder *coder, const uint8_t *data,
                     size_t size, int8_t *voice, uint32_t *found, sct_fault *fault);

#endif
