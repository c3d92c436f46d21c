/* What the fuzz targets share. Each tests/fuzz/NAME_fuzz.c is built twice: for libFuzzer, and with
 * fuzz_replay.c as a test that runs its corpus.
 * Thread: main. */
#pragma once

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input of several messages: for each a byte that says what it is, two of length, then so many
 * bytes. */
typedef struct {
    uint8_t kind;
    const uint8_t *data;
    size_t size;
} FuzzRecord;

/* False at the end; a last record may be shorter than it says. */
bool fuzz_next(ByteReader *reader, FuzzRecord *ret_record);

/* Those bytes as a file in memory, the same one at every call; its path. */
const char *fuzz_file(const uint8_t *data, size_t size);
