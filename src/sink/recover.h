/* Gives a file that a crash left without its index one, so that players seek in it: copies it
 * beside the original, syncs it, compares number of packets and length, and renames the copy over
 * it. Until then the original is untouched; whatever hinders leaves it as it is. Thread: main; the
 * work is done on the pool's finaliser, one file at a time. */
#pragma once

#include "sink/output.h"

typedef struct {
    const char *path;
    uint64_t bytes;
    int64_t duration_ns;
    const char *hindrance; /* why it is as it was; NULL: it has its index */
} RecoveredFile;

typedef struct {
    void *owner;
    Mailbox *mailbox; /* `done` runs where it is drained */
    void (*done)(void *owner, const RecoveredFile *file);
} RecoverEvents;

typedef struct RecoverJob RecoverJob;

/* A file over `max_bytes` (0: whatever its size) stays as it is. The job is the caller's. */
RecoverJob *recover_file(SinkPool *pool, const char *path, uint64_t max_bytes,
                         RecoverEvents events);
void recover_job_free(RecoverJob *job); /* in or after `done`, or after the pool was freed */

/* The same here and now; `reason` gets the hindrance. */
bool recover_file_now(const char *path, uint64_t max_bytes, OutputFile *ret_file);
