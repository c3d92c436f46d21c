/* Writes the state of the service as Prometheus text.
 * Thread: main. */
#pragma once

#include "recorder/recording_service.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Free with g_free(). */
char *metrics_text(WebRTCRecordingService *service);
