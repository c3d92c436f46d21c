/* Asks this machine's libavcodec for an encoder.
 * Thread: any. */
#pragma once

#include <stdbool.h>

bool encoder_is_available(const char *name); /* libavcodec's name */
