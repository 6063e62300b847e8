/* The file of a codec's numbers (.sctm), read where it lies: `secousti export --format c`.

   Names are those of the Python modules' parameters and buffers, as
   "decoder.transformer.layers.0.norm1.weight"; Linear and Conv weights are stored as they are,
   [out, in] and [out, in, taps] ([in, out, taps] of a transposed one), and weight normalisation is
   folded. Beside them, by prefix:

   - "config.": every number of the configuration under its path in config.json, as
     "config.transformer.d_model" int32 [1] or "config.seanet.ratios" int32 [2]; numbers with a
     fraction, and those that may have one (fmin, max_period, ...), are float64. Booleans are int32 0
     or 1, words are uint8 [length], and what is null is not there.
   - "facts.": sample_rate, frame_size, codebook_size, num_codebooks, voice_size, hop_length,
     lookahead, delay (samples), profile (of the .sct format, 0: none) int32 [1]; levels int32;
     token_hash and voice_hash uint8 [8]; kind, model_id, weight_hash uint8 (words).
   - "coder.": "coder.hash" uint8 [4], "coder.tokens.groups" int32, "coder.tokens.embed" and so on
     (coder.h), "coder.voice.mean" and so on; of a codec that has a learned coder.
   - "derived.": tables that follow from the configuration: "derived.rotary" float64 [head dim / 2]
     (radians a position), "derived.octaves" float64 [bins] (log2 of Hz of the pitch's bins).

   The file, little-endian: 64 bytes "SCTM", version, number of tensors, 0 (uint32 each), size of the
   file (uint64), CRC-32 of these 24 bytes and of the table, zeros; the table, an entry of 128 bytes
   a tensor (sct_weights_entry), ascending by name; the tensors, each at a multiple of 64 bytes. */

#ifndef SCT_WEIGHTS_H
#define SCT_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

typedef enum { SCT_F32, SCT_F64, SCT_I32, SCT_I16, SCT_I8, SCT_U8 } sct_dtype;

enum { SCT_MOST_DIMS = 4 };

typedef struct sct_weights sct_weights;

/* Map the file, and check its header and its table: nothing else is read. *weights is NULL after a
   fault. The file must not be shortened or changed while it is open. */
sct_verdict sct_weights_open(const char *path, sct_weights **weights, sct_fault *fault);
/* The same of `size` bytes in memory, aligned to 64; they must outlive the weights. */
sct_verdict sct_weights_of(const void *data, size_t size, sct_weights **weights, sct_fault *fault);
void sct_weights_close(sct_weights *weights);

/* A shape to ask for, with its number of dimensions: sct_weights_find(w, "x", SCT_F32,
   SCT_SHAPE(320, 80), &fault). A dimension of SCT_ANY may be any. */
#define SCT_SHAPE(...) \
    (const uint32_t[]){__VA_ARGS__}, (int)(sizeof(uint32_t[]){__VA_ARGS__} / sizeof(uint32_t))
#define SCT_ANY UINT32_MAX

/* The numbers of a tensor, whose checksum is compared when it is first asked for; NULL with a sentence in
   `fault` if it is missing, of another type or shape, or damaged. All threads may ask at once. */
const void *sct_weights_find(const sct_weights *weights, const char *name, sct_dtype dtype,
                             const uint32_t *shape, int dims, sct_fault *fault);

/* Whether there is such a tensor, and of what shape: *dims is 0 if not. shape[SCT_MOST_DIMS]. */
_Bool sct_weights_shape(const sct_weights *weights, const char *name, uint32_t *shape, int *dims);

/* Whether the tensor `name` is there and is this word. */
_Bool sct_weights_says(const sct_weights *weights, const char *name, const char *word);

/* A number int32 [1] from `least` to `most`; 0 with a sentence in `fault` if it is missing or
   another one. */
_Bool sct_weights_number(const sct_weights *weights, const char *name, int32_t least, int32_t most,
                         int32_t *number, sct_fault *fault);

#endif
