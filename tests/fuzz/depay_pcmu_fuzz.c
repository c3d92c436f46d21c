#include "depay_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return depay_fuzz_run(CODEC_PCMU, data, size);
}
