#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Bool sct_fail(sct_fault *fault, sct_verdict verdict, const char *format, ...) {
    if (fault->verdict != SCT_SOUND) return 0;
    fault->verdict = verdict;
    va_list rest;
    va_start(rest, format);
    vsnprintf(fault->says, sizeof fault->says, format, rest);
    va_end(rest);
    return 0;
}

void sct_fail_at(sct_fault *fault, const char *format, ...) {
    char said[sizeof fault->says];
    memcpy(said, fault->says, sizeof said);
    va_list rest;
    va_start(rest, format);
    const int size = vsnprintf(fault->says, sizeof fault->says, format, rest);
    va_end(rest);
    if (size >= 0 && (size_t)size < sizeof said)
        snprintf(fault->says + size, sizeof said - (size_t)size, "%s", said);
}
