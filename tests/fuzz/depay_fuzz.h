/* Feeds a depayloader from bytes: for each packet a byte of flags, two bytes of length, then the
 * payload. Shared by the fuzz target of each codec.
 * Thread: any. */
#pragma once

#include <stddef.h>

#include "flow/codec.h"

int depay_fuzz_run(Codec codec, const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
