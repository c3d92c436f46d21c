/* Runs one recording: joins the room, subscribes, hands tracks to outputs, stops, judges.
 * Thread: main, all calls and callbacks. */
#pragma once

#include "config/config.h"
#include "flow/recording_status.h"
#include "recorder/recording_request.h"
#include "sink/output.h"
#include "transport/net_thread.h"

typedef struct WebRTCRecorder WebRTCRecorder;

/* How many pictures are encoded at the same time, over all recordings. */
typedef struct {
    unsigned used, max;
} EncodeSlots;

typedef struct {
    EncodeSlots *encode_slots; /* shared */
    const Config *config;
    NetThread *net_thread;
    SinkPool *sink_pool;
    Mailbox *mailbox; /* drained on main */
} RecorderEnvironment;

typedef struct {
    void *owner;
    void (*state_changed)(void *owner, WebRTCRecorder *recorder, RecordingState state);
    /* It is not steady any more, and waits for the next tick. */
    void (*unsteady)(void *owner);
    /* A sidecar has its last contents. */
    void (*sidecar_closed)(void *owner, const char *path);
} RecorderOut;

/* The request is complete: mint_id, url and room or token are set. Copied. */
WebRTCRecorder *webrtc_recorder_new(const RecorderEnvironment *environment,
                                    const RecordingRequest *request, RecorderOut out);
/* In DISCONNECTED or STOPPED. */
void webrtc_recorder_free(WebRTCRecorder *recorder);

void webrtc_recorder_start(WebRTCRecorder *recorder);
void webrtc_recorder_stop(WebRTCRecorder *recorder, EndReason reason);

/* Stops, where it still runs, and leaves nothing on disk; before STOPPED. */
void webrtc_recorder_discard(WebRTCRecorder *recorder);
/* What became of it could not be written beside its files. */
bool webrtc_recorder_lacks_sidecar(const WebRTCRecorder *recorder);
bool webrtc_recorder_is_discarded(const WebRTCRecorder *recorder);

/* Keeps out what comes, or lets it in again from the next key frame on; `holds` keeps the time in
 * the files. Asking twice is fine. False with wrong_state where nothing is being recorded. */
bool webrtc_recorder_pause(WebRTCRecorder *recorder, bool holds, Outcome *ret_refusal);
bool webrtc_recorder_resume(WebRTCRecorder *recorder, Outcome *ret_refusal);

/* Notes for how long the process was not run. */
void webrtc_recorder_stood_still(WebRTCRecorder *recorder, int64_t still_ns);

/* Does what is due; to be called about ten times a second, or four times while it is steady. */
void webrtc_recorder_tick(WebRTCRecorder *recorder, int64_t now_ns);

/* It records, and nothing is under way that has a moment: no limit, no new connection, no track
 * that waits for another's place, somebody there. */
bool webrtc_recorder_is_steady(const WebRTCRecorder *recorder);

const char *webrtc_recorder_mint_id(const WebRTCRecorder *recorder);
RecordingState webrtc_recorder_state(const WebRTCRecorder *recorder);
int64_t webrtc_recorder_requested_ns(const WebRTCRecorder *recorder); /* monotonic */
RecordingStatus *webrtc_recorder_status(WebRTCRecorder *recorder);
