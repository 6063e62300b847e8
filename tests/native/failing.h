/* Put before every file of a build (-include): the allocation number SCT_FAIL_AT fails, and no
   other. */

#ifndef FAILING_H
#define FAILING_H

#include <stdlib.h>

extern long allocations_left;

static inline int allocation_fails(void) { return allocations_left-- == 0; }
static inline void *failing_malloc(size_t size) { return allocation_fails() ? NULL : malloc(size); }
static inline void *failing_calloc(size_t count, size_t size) {
    return allocation_fails() ? NULL : calloc(count, size);
}

#define malloc(size) failing_malloc(size)
#define calloc(count, size) failing_calloc(count, size)

#endif
