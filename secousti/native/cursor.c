#include "cursor.h"

#include "checksum.h"

_Bool sct_read_up_to(const sct_source *source, void *data, size_t size, size_t *found,
                     sct_fault *fault) {
    *found = 0;
    while (*found < size) {
        const ptrdiff_t more = source->read(source->self, (uint8_t *)data + *found, size - *found);
        if (more < 0) return sct_fail(fault, SCT_UNREADABLE, "it cannot be read");
        if (more == 0) break;
        *found += (size_t)more;
    }
    return 1;
}

static void keep(sct_cursor *cursor, const uint8_t *data, size_t size) {
    cursor->offset += size;
    cursor->crc32 = sct_crc32(data, size, cursor->crc32);
    cursor->crc16 = sct_crc16(data, size, cursor->crc16);
}

static _Bool take_unkept(sct_cursor *cursor, void *data, size_t size) {
    size_t found;
    if (!sct_read_up_to(&cursor->source, data, size, &found, cursor->fault)) return 0;
    if (found == size) return 1;
    return sct_fail(cursor->fault, SCT_CUT_SHORT, "the file ends inside it");
}

_Bool sct_take(sct_cursor *cursor, void *data, size_t size) {
    if (!take_unkept(cursor, data, size)) return 0;
    keep(cursor, data, size);
    return 1;
}

_Bool sct_take_byte(sct_cursor *cursor, uint8_t *byte) { return sct_take(cursor, byte, 1); }

_Bool sct_take_first(sct_cursor *cursor, uint8_t *byte, size_t *found) {
    if (!sct_read_up_to(&cursor->source, byte, 1, found, cursor->fault)) return 0;
    keep(cursor, byte, *found);
    return 1;
}

_Bool sct_take16(sct_cursor *cursor, uint16_t *value) {
    uint8_t data[2];
    if (!sct_take(cursor, data, sizeof data)) return 0;
    *value = (uint16_t)sct_little(data, sizeof data);
    return 1;
}

_Bool sct_take32(sct_cursor *cursor, uint32_t *value) {
    uint8_t data[4];
    if (!sct_take(cursor, data, sizeof data)) return 0;
    *value = (uint32_t)sct_little(data, sizeof data);
    return 1;
}

_Bool sct_take_varint(sct_cursor *cursor, const char *name, int64_t most, int64_t *value) {
    uint8_t raw[SCT_MOST_VARINT];
    size_t size = 0;
    uint64_t number = 0;
    do {
        if (!take_unkept(cursor, raw + size, 1)) return 0;
        number |= (uint64_t)(raw[size] & 0x7F) << (7 * size);
    } while (raw[size++] & 0x80 && size < SCT_MOST_VARINT);
    const uint8_t last = raw[size - 1];
    if (last & 0x80 || (last == 0 && size > 1))
        return sct_fail(cursor->fault, SCT_DAMAGED, "a number in it is malformed");
    *value = (int64_t)number;
    if (*value > most)
        return sct_fail(cursor->fault, SCT_DAMAGED,
                        "it says %lld %s, and at most %lld are allowed", (long long)*value, name,
                        (long long)most);
    keep(cursor, raw, size);
    return 1;
}

size_t sct_put_varint(uint8_t out[SCT_MOST_VARINT], uint64_t value) {
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) out[size++] = (uint8_t)(value & 0x7F) | 0x80;
    out[size++] = (uint8_t)value;
    return size;
}

void sct_put_little(uint8_t *out, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++, value >>= 8) out[i] = (uint8_t)value;
}

uint64_t sct_little(const uint8_t *data, size_t size) {
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | data[i];
    return value;
}
