#include "depay/rbsp.h"

size_t rbsp_unescape(const uint8_t *nal, size_t size, uint8_t *out, size_t capacity)
{
    size_t written = 0;
    unsigned zeros = 0;
    for (size_t i = 0; i < size && written < capacity; i++) {
        if (zeros >= 2 && nal[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = nal[i] == 0 ? zeros + 1 : 0;
        out[written++] = nal[i];
    }
    return written;
}
