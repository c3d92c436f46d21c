/* Stands in for recorder/recording_service.h: one recording whose states the test sets. The linker
 * takes these definitions instead of the library's.
 * Thread: main. */
#pragma once

#include "recorder/recording_service.h"

struct WebRTCRecordingService {
    RecordingStatus *active; /* or NULL */
    JsonObject *finished;    /* or NULL; found under `finished_id` */
    const char *finished_id;
    Outcome refusal; /* with a code: what start, discard, pause and resume answer */
    RecordingRequest *request;
    unsigned stops;
    bool holds; /* the last pause */

    unsigned last_watch;
    unsigned watch; /* 0 = nobody watches */
    RecordingWatchFn fn;
    void *owner;
    uint64_t results[CODE_COUNT];
};

WebRTCRecordingService *fake_service_new(void);
void fake_service_free(WebRTCRecordingService *service);

/* Makes `mint_id` the active recording, in `state`, with one output and one track. */
void fake_service_activate(WebRTCRecordingService *service, const char *mint_id,
                           RecordingState state);

/* Calls the watch, if there is one, with the active recording. */
void fake_service_call(WebRTCRecordingService *service);
