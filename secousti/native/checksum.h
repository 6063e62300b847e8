/* CRC-32 of zlib, CRC-16 of CCITT and CRC-8 with polynomial 7, all continued from `crc`. */

#ifndef SCT_CHECKSUM_H
#define SCT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

enum { SCT_CRC16_START = 0xFFFF };

uint32_t sct_crc32(const uint8_t *data, size_t size, uint32_t crc);
uint16_t sct_crc16(const uint8_t *data, size_t size, uint16_t crc);
uint8_t sct_crc8(const uint8_t *data, size_t size, uint8_t crc);

/* Whether a checksum is the one found. Fuzzers build with the name that they share for this, so that
   altered bytes reach what lies behind checksums. */
static inline _Bool sct_same(uint32_t found, uint32_t wanted) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)found, (void)wanted;
    return 1;
#else
    return found == wanted;
#endif
}

#endif
