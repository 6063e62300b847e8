/* The learned codes that a codec brings along: of its tokens, a GRU in integers before a range code
   (docs/bits.md), and of its voices. All that decides about tokens is integer arithmetic. */

#ifndef SCT_CODER_H
#define SCT_CODER_H

#include <stddef.h>
#include <stdint.h>

enum {
    SCT_MAX_GROUPS = 16,   /* symbols of a token */
    SCT_MAX_GROUP = 4096,  /* values of a symbol */
    SCT_MAX_HIDDEN = 1024, /* width of the state, and of a head */
    SCT_MAX_LAGS = 64      /* tokens before that are seen as they are */
};

typedef struct {
    const int8_t *head;       /* [mix, hidden] */
    const int16_t *head_bias; /* [mix] */
    const int16_t *given;     /* [symbols of the groups before, mix]; NULL for the first */
    const int8_t *out;        /* [groups[i], mix] */
    const int16_t *out_bias;  /* [groups[i]] */
} sct_head;

/* A model of tokens; H is `hidden`. */
typedef struct {
    uint32_t num_groups, groups[SCT_MAX_GROUPS]; /* alphabets of the symbols, lowest first */
    uint32_t lags, hidden, mix;
    const int16_t *embed;     /* [lags, sum(groups), 3 H] */
    const int16_t *bias;      /* [3 H] */
    const int16_t *candidate; /* [H] */
    const int8_t *recurrent;  /* [3 H, H] */
    const int16_t *sigmoid, *tanh; /* [4096] */
    const int32_t *exp;            /* [1025] */
    sct_head heads[SCT_MAX_GROUPS];
} sct_network;

/* A code for voices of `size` numbers. */
typedef struct {
    uint32_t size;
    const float *mean, *reach;      /* [size] */
    const float *basis, *analysis;  /* [size, size] */
    const uint8_t *bits;            /* [3, size], of each amount in a code of 8, 16, 24 bytes */
} sct_voice_code;

typedef struct {
    const sct_network *network;    /* NULL: it has none */
    const sct_voice_code *voice;   /* NULL: it has none */
    uint8_t hash[4];               /* of the network */
} sct_coder;

/* Whether the sizes are within bounds; and whether all sums are exact, of tensors that have them. */
_Bool sct_network_sized(const sct_network *network);
_Bool sct_network_sound(const sct_network *network);
_Bool sct_voice_code_sound(const sct_voice_code *code);

/* The network in the middle of a stream: what was said decides what is likely. */
typedef struct sct_token_state sct_token_state;

sct_token_state *sct_tokens_new(const sct_network *network); /* NULL without memory */
void sct_tokens_free(sct_token_state *state);
void sct_tokens_restart(sct_token_state *state);

/* Bytes that the code of so many tokens may take. */
size_t sct_tokens_room(const sct_network *network, size_t count);

/* Code of tokens at `out`, and on to the state after them; bytes. */
size_t sct_tokens_store(sct_token_state *state, const uint32_t *tokens, size_t count, uint8_t *out);

/* tokens[count] of their code; 0 if the bytes are none. */
_Bool sct_tokens_read(sct_token_state *state, const uint8_t *data, size_t size, uint32_t *tokens,
                      size_t count);

/* On to the state after tokens that were stored otherwise. */
void sct_tokens_pass(sct_token_state *state, const uint32_t *tokens, size_t count);

enum { SCT_CODED_VOICE = 24 }; /* bytes of a voice that is the only one, the most of any */

/* A voice (value * 127) as bytes; `place`: how many its stream had before it, less than 0 for the
   only one. Gives 8, 16 or 24. */
size_t sct_voice_store(const sct_voice_code *code, const int8_t *voice, int place,
                       uint8_t out[SCT_CODED_VOICE]);

/* 8, 16 or 24 bytes -> voice[code->size]; 0 if it is another number of bytes. */
_Bool sct_voice_read(const sct_voice_code *code, const uint8_t *data, size_t size, int8_t *voice);

#endif
