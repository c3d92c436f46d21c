/* Who waits for a recording to begin or to end. Thread: main. */
#pragma once

#include <glib.h>

#include "recorder/recording_service.h"

typedef struct WatchList WatchList;

/* `active` is the service's: mint_id -> WebRTCRecorder*. The beginning is waited for until
 * `patience_ns` after it was asked for. */
WatchList *watch_list_new(GHashTable *active, int64_t patience_ns);
void watch_list_free(WatchList *list);

typedef enum {
    WATCH_START,
    WATCH_STOP,
} WatchKind;

/* 0 when nothing is active under that id. */
unsigned watch_list_add(WatchList *list, const char *mint_id, WatchKind kind, RecordingWatchFn fn,
                        void *owner);
void watch_list_remove(WatchList *list, unsigned id);

/* Calls and forgets those that have waited for what is there now. */
void watch_list_call(WatchList *list);
