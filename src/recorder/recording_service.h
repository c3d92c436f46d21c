/* Runs many recordings: starts, stops and finds them by mint_id, and remembers the finished ones
 * through their sidecars.
 * Thread: main, all calls and callbacks. */
#pragma once

#include <json-glib/json-glib.h>

#include "config/config.h"
#include "flow/recording_status.h"
#include "recorder/recording_request.h"

typedef struct WebRTCRecordingService WebRTCRecordingService;

/* `use_catalog`: closes what a crash left in config->output_dir and answers for finished
 * recordings from there (serve); else they are kept in memory until the end (record). `config` is
 * borrowed. */
WebRTCRecordingService *recording_service_new(const Config *config, bool use_catalog,
                                              Outcome *ret_refusal);

/* After recording_service_stop_all() has called back, or at once (recordings are then lost to
 * `kill`: their fragments stay). */
void recording_service_free(WebRTCRecordingService *service);

/* How many leftovers of a crash were closed at start. */
unsigned recording_service_recovered(const WebRTCRecordingService *service);

/* The mint_id of the new recording (borrowed, lives with it), or NULL with a refusal: bad_request,
 * already_active, no_capacity, unauthorized. Whatever fails later is in the status. Strings of the
 * request that are NULL are taken from the configuration; the configured key signs only for the
 * configured URL. */
const char *recording_service_start(WebRTCRecordingService *service,
                                    const RecordingRequest *request, Outcome *ret_refusal);

/* False when no recording of that id is active. Stopping twice is fine. */
bool recording_service_stop(WebRTCRecordingService *service, const char *mint_id);

/* False with not_found, or with wrong_state where it has ended; so are the next two. It then stops
 * and leaves nothing on disk, nor a memory. */
bool recording_service_discard(WebRTCRecordingService *service, const char *mint_id,
                               Outcome *ret_refusal);

/* See webrtc_recorder_pause(). */
bool recording_service_pause(WebRTCRecordingService *service, const char *mint_id, bool holds,
                             Outcome *ret_refusal);
bool recording_service_resume(WebRTCRecordingService *service, const char *mint_id,
                              Outcome *ret_refusal);

typedef void (*RecordingWatchFn)(void *owner, const RecordingStatus *status);

/* Calls once, later or at the next turn of the loop: at RECORDING or STOPPED, or when connection +
 * subscription time has passed. 0 when nothing is active under that id. */
unsigned recording_service_watch_start(WebRTCRecordingService *service, const char *mint_id,
                                       RecordingWatchFn fn, void *owner);
/* Calls once at STOPPED. */
unsigned recording_service_watch_stop(WebRTCRecordingService *service, const char *mint_id,
                                      RecordingWatchFn fn, void *owner);
void recording_service_unwatch(WebRTCRecordingService *service, unsigned watch);

/* A snapshot of an active recording; NULL if there is none. Free with recording_status_free(). */
RecordingStatus *recording_service_status(WebRTCRecordingService *service, const char *mint_id);

/* The status of a finished one as JSON, from its sidecar or memory; NULL if unknown. */
JsonObject *recording_service_finished(WebRTCRecordingService *service, const char *mint_id);

void recording_service_foreach(WebRTCRecordingService *service, RecordingWatchFn visit,
                               void *owner);
unsigned recording_service_active_count(const WebRTCRecordingService *service);

/* Stops all; `done` is called when every file is finished. */
void recording_service_stop_all(WebRTCRecordingService *service, void (*done)(void *owner),
                                void *owner);

/* For /metrics: how many recordings ended with each code (index CODE_NONE: complete). */
const uint64_t *recording_service_results(const WebRTCRecordingService *service);
