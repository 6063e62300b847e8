/* What a reader believes of a file; larger claims are refused before memory or time is spent on
   them (secousti/container/limits.py). */

#ifndef SCT_BOUNDS_H
#define SCT_BOUNDS_H

enum {
    SCT_MIN_RATE = 1000, /* Hz, of a codec or of a recording */
    SCT_MAX_RATE = 768000,
    SCT_MAX_FRAME_SIZE = 1 << 20, /* samples */
    SCT_MIN_CODEBOOK = 2,
    SCT_MAX_CODEBOOK = 1 << 23,
    SCT_MAX_CODEBOOKS = 256,
    SCT_MAX_VOICE = 4096,  /* numbers, and bytes */
    SCT_MAX_LEVELS = 64,   /* digits of a token */
    SCT_MAX_SKIP = 1 << 16, /* bytes of JSON, or of a record that is passed over */
    SCT_MAX_NESTING = 32,  /* of JSON */
    SCT_MAX_ADAPTIVE_LEVEL = 4096,
    SCT_MAX_ORDER1_LEVEL = 64
};
#define SCT_MAX_SECONDS (24 * 3600.0)

#endif
