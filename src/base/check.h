/* Assertions about our own code; untrusted input never reaches one.
 * Thread: any. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define require(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define check(condition) ((void)sizeof(condition))
#else
#define check(condition) require(condition)
#endif

static inline _Noreturn void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "roomtape: internal error: %s does not hold (%s:%d)\n", condition, file, line);
    abort();
}
