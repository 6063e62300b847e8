/* What can be wrong, as a verdict to act on and a sentence to read. */

#ifndef SCT_FAULT_H
#define SCT_FAULT_H

typedef enum {
    SCT_SOUND,
    SCT_CUT_SHORT,  /* it ends too early; all that was given before is good */
    SCT_DAMAGED,    /* bytes have changed: a checksum, a count or a value is wrong */
    SCT_NEWER,      /* sound, but it needs a newer reader, or a coder that is not at hand */
    SCT_REFUSED,    /* not such a file, or beyond a limit */
    SCT_UNREADABLE, /* the source or the sink failed */
    SCT_NO_MEMORY
} sct_verdict;

typedef struct {
    sct_verdict verdict;
    char says[512];
} sct_fault;

/* Note a verdict and its sentence (as printf); the first one stays. Gives false. */
_Bool sct_fail(sct_fault *fault, sct_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "record 3 (at byte 71): " or the like before the sentence. */
void sct_fail_at(sct_fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
