/* The range code of the `constriction` library: 32-bit words, 64-bit state, 24-bit bounds.

   A code is a fraction. `low` and `span` are the interval that the symbols so far leave of it,
   beneath the words that are settled (but for a carry). */

#ifndef SCT_RANGE_CODE_H
#define SCT_RANGE_CODE_H

#include <stddef.h>
#include <stdint.h>

enum { SCT_PROBABILITY = 20 }; /* bits of what a model says; they sum to 1 << this */

/* Order of a word's bytes: learned codes are one fraction, adaptive ones are words. */
typedef enum { SCT_FRACTION, SCT_WORDS } sct_byte_order;

typedef struct {
    uint8_t *out; /* room for sct_range_room of the symbols */
    size_t size;  /* bytes settled; the most significant byte of a word first */
    uint64_t low, span;
} sct_range_encoder;

typedef struct {
    const uint8_t *data;
    size_t size, at;
    sct_byte_order order;
    uint64_t low, span, point;
} sct_range_decoder;

/* Bytes that the code of so many symbols, of whatever models, may take. */
size_t sct_range_room(size_t symbols);

void sct_range_begin(sct_range_encoder *encoder, uint8_t *out);

/* A symbol that the model gives p[i] out of 1 << SCT_PROBABILITY, sum(p[0..i-1]) being `before`,
   of an alphabet of `size`. */
void sct_range_put(sct_range_encoder *encoder, uint32_t i, uint32_t before, uint32_t p,
                   uint32_t size);

/* A symbol of `size` equally likely ones. */
void sct_range_put_uniform(sct_range_encoder *encoder, uint32_t i, uint32_t size);

/* The end: bytes of the code. SCT_FRACTION: the fewest, zeros following; SCT_WORDS: as the library
   ends it. */
size_t sct_range_end(sct_range_encoder *encoder, sct_byte_order order);

void sct_range_open(sct_range_decoder *decoder, const uint8_t *data, size_t size,
                    sct_byte_order order);

/* The next symbol, of probabilities p[size]; less than 0 if the bytes are no code. */
int32_t sct_range_take(sct_range_decoder *decoder, const uint32_t *p, uint32_t size);
int32_t sct_range_take_uniform(sct_range_decoder *decoder, uint32_t size);

#endif
