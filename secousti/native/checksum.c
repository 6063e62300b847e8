#include "checksum.h"

/* Tables for four bits at a time: a cache line each, and a file is small. */
static const uint32_t nibble32[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
static const uint16_t nibble16[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6,
                                      0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad,
                                      0xe1ce, 0xf1ef};

uint32_t sct_crc32(const uint8_t *data, size_t size, uint32_t crc) {
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc = crc >> 4 ^ nibble32[(crc ^ data[i]) & 15];
        crc = crc >> 4 ^ nibble32[(crc ^ data[i] >> 4) & 15];
    }
    return ~crc;
}

uint16_t sct_crc16(const uint8_t *data, size_t size, uint16_t crc) {
    for (size_t i = 0; i < size; i++) {
        crc = (uint16_t)(crc << 4 ^ nibble16[crc >> 12 ^ data[i] >> 4]);
        crc = (uint16_t)(crc << 4 ^ nibble16[crc >> 12 ^ (data[i] & 15)]);
    }
    return crc;
}

uint8_t sct_crc8(const uint8_t *data, size_t size, uint8_t crc) {
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = (uint8_t)(crc << 1 ^ (crc & 0x80 ? 7 : 0));
    }
    return crc;
}
