#include "encode/encoder_available.h"

#include <libavcodec/avcodec.h>

bool encoder_is_available(const char *name)
{
    return avcodec_find_encoder_by_name(name) != NULL;
}
