/* Put before every file of a build (-include): allocation `allocations_left` fails, and no other. */

#ifndef FAILING_MEMORY_H
#define FAILING_MEMORY_H

#include <stdlib.h>

extern long allocations_left;

static inline void *failing_malloc(size_t size) {
    return allocations_left-- == 0 ? NULL : malloc(size);
}

static inline void *failing_calloc(size_t count, size_t size) {
    return allocations_left-- == 0 ? NULL : calloc(count, size);
}

#define malloc(size) failing_malloc(size)
#define calloc(count, size) failing_calloc(count, size)

#endif
