#if !defined(_WIN32)
#define _POSIX_C_SOURCE 200809L
#endif

#include "weights.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <malloc.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "checksum.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weights are read where they lie, on little-endian processors"
#endif

enum { VERSION = 1, HEADER = 64, ALIGNMENT = 64, CHECKED = 24, MOST_TENSORS = 1 << 16, CRC_BYTES = 16 };

typedef struct {
    char name[88]; /* ends with a zero */
    uint8_t dtype, dims;
    uint16_t zero;
    uint32_t shape[SCT_MOST_DIMS]; /* ones after the last dimension */
    uint32_t crc;
    uint64_t offset, size;
} sct_weights_entry;
_Static_assert(sizeof(sct_weights_entry) == 128, "the table's entries have 128 bytes");

struct sct_weights {
    const uint8_t *data;
    size_t size;
    const sct_weights_entry *table;
    uint32_t count;
    atomic_uchar *good; /* [count], tensors whose checksum was right */
    _Bool mapped;
    uint32_t crc[CRC_BYTES][256]; /* of a byte that many bytes before the last */
};

static const size_t widths[] = {4, 8, 4, 2, 1, 1};
static const char *const types[] = {"float32", "float64", "int32", "int16", "int8", "uint8"};

/* CRC-32 sixteen bytes at a time: some twenty times as fast as checksum.c, with larger tables. */
static void make_crc(uint32_t table[CRC_BYTES][256]) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        table[0][i] = crc;
    }
    for (int k = 1; k < CRC_BYTES; k++)
        for (int i = 0; i < 256; i++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

static uint32_t crc_of(const uint32_t table[CRC_BYTES][256], const uint8_t *data, size_t size) {
    uint32_t crc = UINT32_MAX;
    for (; size >= CRC_BYTES; size -= CRC_BYTES, data += CRC_BYTES) {
        uint32_t first, next = 0;
        memcpy(&first, data, sizeof first);
        first ^= crc;
        for (int i = 0; i < 4; i++) next ^= table[15 - i][first >> 8 * i & 255];
        for (int i = 4; i < CRC_BYTES; i++) next ^= table[15 - i][data[i]];
        crc = next;
    }
    for (; size; size--) crc = crc >> 8 ^ table[0][(crc ^ *data++) & 255];
    return ~crc;
}

static uint64_t word(const uint8_t *at, int bytes) {
    uint64_t value = 0;
    for (int i = bytes; i-- > 0;) value = value << 8 | at[i];
    return value;
}

/* Whether type, shape, size and place go together and lie in the file. */
static _Bool entry_sound(const sct_weights *weights, const sct_weights_entry *entry) {
    if (!memchr(entry->name, 0, sizeof entry->name) || !entry->name[0]) return 0;
    if (entry->dtype >= sizeof widths / sizeof *widths || entry->zero) return 0;
    if (entry->dims < 1 || entry->dims > SCT_MOST_DIMS || entry->offset % ALIGNMENT) return 0;
    uint64_t size = widths[entry->dtype];
    for (int i = 0; i < SCT_MOST_DIMS; i++) {
        const uint32_t n = entry->shape[i];
        if (!n || (i >= entry->dims && n != 1) || size > weights->size / n) return 0;
        size *= n;
    }
    if (size != entry->size || entry->offset > weights->size) return 0;
    const uint64_t data = HEADER + (uint64_t)weights->count * sizeof *entry;
    return entry->offset >= data && size <= weights->size - entry->offset;
}

static _Bool check_table(const sct_weights *weights, sct_fault *fault) {
    for (uint32_t i = 0; i < weights->count; i++) {
        const sct_weights_entry *entry = weights->table + i;
        const _Bool sound = entry_sound(weights, entry);
        if (!sound || (i && strcmp(entry[-1].name, entry->name) >= 0))
            return sct_fail(fault, SCT_DAMAGED, "entry %lu of the table of weights is wrong",
                            (unsigned long)i);
    }
    return 1;
}

static _Bool check_header(sct_weights *weights, sct_fault *fault) {
    const uint8_t *data = weights->data;
    if (weights->size < HEADER || memcmp(data, "SCTM", 4))
        return sct_fail(fault, SCT_REFUSED,
                        "it is no file of weights: make one with `secousti export --format c`");
    const uint32_t version = (uint32_t)word(data + 4, 4);
    const uint64_t count = word(data + 8, 4);
    if (version != VERSION)
        return sct_fail(fault, SCT_NEWER,
                        "its weights have format version %lu, and this program reads version %d",
                        (unsigned long)version, VERSION);
    if (word(data + 16, 8) != weights->size)
        return sct_fail(fault, weights->size < word(data + 16, 8) ? SCT_CUT_SHORT : SCT_DAMAGED,
                        "it has %llu bytes, and its header says %llu: copy it again",
                        (unsigned long long)weights->size,
                        (unsigned long long)word(data + 16, 8));
    if (!count || count > MOST_TENSORS || HEADER + count * 128 > weights->size)
        return sct_fail(fault, SCT_DAMAGED, "its table of weights does not fit it");
    const uint32_t crc = sct_crc32(data + HEADER, count * 128, sct_crc32(data, CHECKED, 0));
    if (!sct_same(crc, (uint32_t)word(data + CHECKED, 4)))
        return sct_fail(fault, SCT_DAMAGED, "its table of weights is damaged: copy it again");
    weights->table = (const sct_weights_entry *)(data + HEADER);
    weights->count = (uint32_t)count;
    weights->good = calloc(count, sizeof *weights->good);
    if (!weights->good) return sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
    return check_table(weights, fault);
}

static sct_verdict begin(const void *data, size_t size, sct_weights **weights, sct_fault *fault) {
    sct_weights *made = *weights = calloc(1, sizeof *made);
    if (!made) {
        sct_fail(fault, SCT_NO_MEMORY, "there is no memory");
        return fault->verdict;
    }
    made->data = data;
    made->size = size;
    make_crc(made->crc);
    if (check_header(made, fault)) return SCT_SOUND;
    sct_weights_close(made);
    *weights = NULL;
    return fault->verdict;
}

sct_verdict sct_weights_of(const void *data, size_t size, sct_weights **weights, sct_fault *fault) {
    *weights = NULL;
    if ((uintptr_t)data % ALIGNMENT) {
        sct_fail(fault, SCT_REFUSED, "weights must lie at a multiple of %d bytes", ALIGNMENT);
        return fault->verdict;
    }
    return begin(data, size, weights, fault);
}

#if !defined(_WIN32)

/* The whole file, or NULL; *size is left alone then. */
static void *map(const char *path, size_t *size) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return NULL;
    struct stat about;
    void *data = MAP_FAILED;
    if (!fstat(file, &about) && S_ISREG(about.st_mode) && about.st_size > 0 &&
        (uint64_t)about.st_size <= SIZE_MAX)
        data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (data == MAP_FAILED) return NULL;
    *size = (size_t)about.st_size;
    return data;
}

static void unmap(void *data, size_t size) { munmap(data, size); }

#else

/* Windows: the file is read. Its size is what was read, never what it says. */
static void *map(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    size_t room = 1 << 20, found = 0;
    char *data = _aligned_malloc(room, ALIGNMENT);
    while (data) {
        found += fread(data + found, 1, room - found, file);
        if (found < room) break;
        char *more = _aligned_realloc(data, room *= 2, ALIGNMENT);
        if (!more) _aligned_free(data);
        data = more;
    }
    fclose(file);
    *size = found;
    return data;
}

static void unmap(void *data, size_t size) {
    (void)size;
    _aligned_free(data);
}

#endif

sct_verdict sct_weights_open(const char *path, sct_weights **weights, sct_fault *fault) {
    size_t size = 0;
    *weights = NULL;
    void *data = map(path, &size);
    if (!data) {
        sct_fail(fault, SCT_UNREADABLE, "it cannot be opened, or is empty or no file");
        return fault->verdict;
    }
    if (begin(data, size, weights, fault) == SCT_SOUND)
        (*weights)->mapped = 1;
    else
        unmap(data, size);
    return fault->verdict;
}

void sct_weights_close(sct_weights *weights) {
    if (!weights) return;
    if (weights->mapped) unmap((void *)(uintptr_t)weights->data, weights->size);
    free(weights->good);
    free(weights);
}

static const sct_weights_entry *entry_of(const sct_weights *weights, const char *name) {
    uint32_t low = 0, high = weights->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = strcmp(name, weights->table[middle].name);
        if (!order) return weights->table + middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static _Bool fits(const sct_weights_entry *entry, sct_dtype dtype, const uint32_t *shape, int dims) {
    if (entry->dtype != dtype || entry->dims != dims) return 0;
    for (int i = 0; i < dims; i++)
        if (shape[i] != SCT_ANY && shape[i] != entry->shape[i]) return 0;
    return 1;
}

const void *sct_weights_find(const sct_weights *weights, const char *name, sct_dtype dtype,
                             const uint32_t *shape, int dims, sct_fault *fault) {
    const sct_weights_entry *entry = entry_of(weights, name);
    if (!entry) {
        sct_fail(fault, SCT_REFUSED, "the weights have no %s", name);
        return NULL;
    }
    if (!fits(entry, dtype, shape, dims)) {
        const uint32_t *is = entry->shape;
        sct_fail(fault, SCT_REFUSED,
                 "%s is %s [%lu, %lu, %lu, %lu] in the weights, which this program cannot use",
                 name, types[entry->dtype], (unsigned long)is[0], (unsigned long)is[1],
                 (unsigned long)is[2], (unsigned long)is[3]);
        return NULL;
    }
    const uint8_t *data = weights->data + entry->offset;
    atomic_uchar *good = weights->good + (entry - weights->table);
    if (atomic_load_explicit(good, memory_order_relaxed)) return data;
    if (!sct_same(crc_of(weights->crc, data, (size_t)entry->size), entry->crc)) {
        sct_fail(fault, SCT_DAMAGED, "%s is damaged: copy the file of weights again", name);
        return NULL;
    }
    atomic_store_explicit(good, 1, memory_order_relaxed);
    return data;
}

_Bool sct_weights_shape(const sct_weights *weights, const char *name, uint32_t *shape, int *dims) {
    const sct_weights_entry *entry = entry_of(weights, name);
    *dims = entry ? entry->dims : 0;
    for (int i = 0; i < *dims; i++) shape[i] = entry->shape[i];
    return entry != NULL;
}

_Bool sct_weights_says(const sct_weights *weights, const char *name, const char *word) {
    sct_fault unsaid = {0};
    const uint32_t size = (uint32_t)strlen(word);
    const char *found = sct_weights_find(weights, name, SCT_U8, SCT_SHAPE(size), &unsaid);
    return found && !memcmp(found, word, size);
}

_Bool sct_weights_number(const sct_weights *weights, const char *name, int32_t least, int32_t most,
                         int32_t *number, sct_fault *fault) {
    const int32_t *found = sct_weights_find(weights, name, SCT_I32, SCT_SHAPE(1), fault);
    if (!found) return 0;
    if (*found < least || *found > most)
        return sct_fail(fault, SCT_REFUSED, "%s is %ld in the weights, not %ld to %ld", name,
                        (long)*found, (long)least, (long)most);
    *number = *found;
    return 1;
}
