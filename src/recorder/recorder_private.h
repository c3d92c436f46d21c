/* The inside of a WebRTCRecorder, shared by the files that make it up: webrtc_recorder (life and
 * wiring), recorder_signal (what the server says), recorder_tracks (publications),
 * recorder_input (plans), recorder_layers (the server's layers), recorder_encode (encoders),
 * recorder_pause (pauses), recorder_deadlines (timeouts), recorder_reconnect (the way back into the
 * room), recorder_limits (length and size), recorder_end (stop and verdict), recorder_status
 * (snapshot). Thread: main. */
#pragma once

#include "recorder/layer_control.h"
#include "recorder/net_session.h"
#include "recorder/output_slot.h"
#include "recorder/reconnection.h"
#include "recorder/states.h"
#include "recorder/track_context.h"
#include "recorder/webrtc_recorder.h"
#include "signal/access_token.h"
#include "signal/signal_client.h"

#define RECORDER_MAX_TRACKS MEDIA_CLOCK_MAX_TRACKS
/* Where all are muted nothing comes but answers to our probes: every second one is silent. */
#define RECORDER_PROBED_SECONDS 1
#define SIDECARS_AT_ONCE 16

typedef struct {
    int64_t at_ns;
    char text[160];
} RecorderEvent;

typedef struct {
    bool is_asked; /* what was asked for last */
    bool is_open;  /* `last` goes on */
    GatePause last;
    int64_t total_ns, cut_ns; /* of those that are over */
    StatusPause list[STATUS_MAX_PAUSES];
    unsigned count;
} RecorderPauses;

/* How much came since, in the second before, and at most between two looks. */
typedef struct {
    int64_t since_ns;
    uint64_t file, received, former;
    uint64_t seen, largest;
} SizeWindow;

/* One offer is with the net side at a time; of those that come meanwhile only the newest counts. */
typedef struct {
    char *sdp; /* the one that waits, or NULL */
    uint32_t id;
    bool is_out;    /* one is not answered yet */
    int64_t due_ns; /* of the next one */
    bool is_told;   /* that there are too many */
} OfferGate;

struct WebRTCRecorder {
    RecorderEnvironment environment;
    RecordingRequest *request;
    RecorderOut out;
    RecordingState state;

    char *identity, *token;
    bool uses_recorder_token;
    SignalClient *signal;
    NetSession *net;
    bool net_stopped;
    GPtrArray *tracks;      /* of TrackContext*, by id */
    GPtrArray *outputs;     /* of OutputSlot*, by index */
    unsigned opened_count;  /* of them have a file */
    GPtrArray *successors;  /* published while their seat is taken; owned by recorder_tracks */
    GHashTable *publishers; /* identity -> number + 1 */

    OfferGate offers;
    char *room_name, *room_sid, *server_version;
    bool joined, peer_connected;
    PeerState peer_state;
    PeerStats peer_stats;
    bool started; /* a frame is in a file */
    bool had_publisher;

    int64_t origin_ns, requested_wall_ns;
    int64_t started_ns, started_wall_ns, stopped_ns, ended_wall_ns;
    int64_t connected_ns, subscribed_ns; /* when; 0 = not yet */
    int64_t no_publisher_since_ns;
    int64_t sidecar_due_ns;
    unsigned sidecars_left; /* to be written, the last outputs first */
    int64_t stop_deadline_ns;

    int64_t media_lost_ns;   /* when the connection fell silent or closed; 0 = it lives */
    unsigned silent_seconds; /* as the net side counts them; see RECORDER_PROBED_SECONDS */
    Reconnection reconnection;
    char reconnect_why[OUTCOME_SENTENCE_MAX];

    LayerControl layer_control;
    RecorderPauses pauses;
    SizeWindow size_window;
    bool lacks_sidecar; /* the last one could not be written */
    bool is_discarded;  /* nothing of it is to stay on disk */

    CheckItem checklist[CHECK_COUNT];
    EndReason end_reason;
    Outcome cause; /* what ended it, or NONE */
    Outcome outcome;
    RecorderEvent events[STATUS_MAX_EVENTS];
    unsigned event_count;
};

/* recorder_status */
/* Each item's `since` is when it came about, not when somebody asked. */
void recorder_note_checklist(WebRTCRecorder *recorder);

/* webrtc_recorder */
void recorder_set_state(WebRTCRecorder *recorder, RecordingEvent event);
/* Brings the state to the furthest that any track has reached. */
void recorder_advance(WebRTCRecorder *recorder);
void recorder_note(WebRTCRecorder *recorder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Wall clock time as of the request and what has passed since: whoever sets the clock meanwhile
 * moves nothing. */
int64_t recorder_wall_ns(const WebRTCRecorder *recorder);
void recorder_leave(WebRTCRecorder *recorder);
/* The server's last one, or where that has expired one of our own, for the room of now. */
void recorder_renew_token(WebRTCRecorder *recorder);
static inline bool recorder_is_ending(const WebRTCRecorder *recorder)
{
    return recorder->state >= RECORDING_STOPPING;
}
static inline bool recorder_is_reconnecting(const WebRTCRecorder *recorder)
{
    return recorder->reconnection.phase != RECONNECTION_NONE;
}

/* recorder_signal */
void recorder_connect(WebRTCRecorder *recorder);
/* Hands on the offer that waits when it is its turn. */
void recorder_pass_offer(WebRTCRecorder *recorder, int64_t now_ns);
void recorder_forget_offers(WebRTCRecorder *recorder);

/* recorder_reconnect */
/* The present attempt, or the connection, is lost; `why` is a sentence. A resume follows where
 * there is something to go on with. */
void recorder_lose_connection(WebRTCRecorder *recorder, const char *why);
/* The server has given our session up: a rejoin follows. */
void recorder_lose_session(WebRTCRecorder *recorder, const char *why);
/* What the publishers send arrives, as far as can be told. */
bool recorder_media_flow(const WebRTCRecorder *recorder);
void recorder_signal_answered(WebRTCRecorder *recorder);
void recorder_media_back(WebRTCRecorder *recorder);
void recorder_note_silence(WebRTCRecorder *recorder, unsigned silent_seconds);
void recorder_check_media(WebRTCRecorder *recorder, int64_t now_ns);
void recorder_check_reconnect(WebRTCRecorder *recorder, int64_t now_ns);

/* recorder_tracks */
RoomViewOut recorder_room_view_out(WebRTCRecorder *recorder);
GPtrArray *recorder_successors_new(void);
/* Those whose seat has become free take it, those that waited long enough get one of their own. */
void recorder_admit_successors(WebRTCRecorder *recorder, int64_t now_ns);
TrackContext *recorder_track(const WebRTCRecorder *recorder, unsigned track_id);
TrackContext *recorder_find_track(const WebRTCRecorder *recorder, const char *track_sid);
bool recorder_wants(const WebRTCRecorder *recorder, const char *identity);
void recorder_fail_track(WebRTCRecorder *recorder, TrackContext *track, OutcomeCode code,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));
void recorder_subscribe(WebRTCRecorder *recorder, TrackContext *track);
char *recorder_track_name(const TrackContext *track); /* "camera of alice" */

/* recorder_input */
void recorder_plan_track(const WebRTCRecorder *recorder, TrackContext *track,
                         const Publication *publication);
/* Makes its `encode_queue`, where there is none yet. */
void recorder_make_encode_queue(const WebRTCRecorder *recorder, TrackContext *track);
/* Its frames go to `encode_queue` from now on. */
void recorder_divert(WebRTCRecorder *recorder, TrackContext *track);
/* Keeps it for the status and tells it. */
void recorder_note_loss(WebRTCRecorder *recorder, TrackContext *track, const TrackGap *gap);
/* What arrives is not what was announced, or what came before. */
void recorder_input_changed(WebRTCRecorder *recorder, TrackContext *track, const TrackInput *input);

/* recorder_layers */
/* Of the layers that the plan allows, the one that the link carries. */
void recorder_ask_for_layer(WebRTCRecorder *recorder, TrackContext *track);
/* Once a second, after the tracks' counters were brought up to date. */
void recorder_check_link(WebRTCRecorder *recorder);
void recorder_copy_layer(const WebRTCRecorder *recorder, const TrackContext *track,
                         TrackStatus *status);

/* recorder_encode */
/* What the plan asks for; false when the recording ended for want of an encoder. */
bool recorder_start_encoder(WebRTCRecorder *recorder, TrackContext *track);
/* Its plan from now on, because of `why`. */
void recorder_pass_through(TrackContext *track, const char *why);
void recorder_end_encoders(WebRTCRecorder *recorder);
void recorder_check_encoders(WebRTCRecorder *recorder, int64_t now_ns);
void recorder_copy_encoder(const TrackContext *track, TrackStatus *status, int64_t now_ns);

/* recorder_pause */
void recorder_paused(WebRTCRecorder *recorder, const GatePause *pause);
void recorder_resumed(WebRTCRecorder *recorder, const GatePause *pause);
int64_t recorder_cut_ns(const WebRTCRecorder *recorder, int64_t now_ns); /* so far */
/* Up to where a pause that the stop ended keeps its time, on the files' timeline; 0: there is none.
 */
int64_t recorder_held_until_ns(const WebRTCRecorder *recorder);
void recorder_copy_pauses(const WebRTCRecorder *recorder, RecordingStatus *status, int64_t now_ns);

/* recorder_limits */
void recorder_check_duration(WebRTCRecorder *recorder, int64_t now_ns);
void recorder_check_size(WebRTCRecorder *recorder, int64_t now_ns);

/* recorder_outputs */
OutputSlot *recorder_output_for(WebRTCRecorder *recorder, const TrackContext *track);

/* recorder_end */
void recorder_fail(WebRTCRecorder *recorder, OutcomeCode code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void recorder_end(WebRTCRecorder *recorder, EndReason reason);
void recorder_net_stopped(WebRTCRecorder *recorder);
void recorder_output_finished(WebRTCRecorder *recorder, OutputSlot *slot,
                              const OutputResult *result);
void recorder_check_stop_deadline(WebRTCRecorder *recorder, int64_t now_ns);
/* Encoders and files are not finished any more. */
void recorder_discard_outputs(WebRTCRecorder *recorder);

/* recorder_status */
void recorder_write_sidecar(WebRTCRecorder *recorder, const OutputSlot *slot);
void recorder_write_sidecars(WebRTCRecorder *recorder);
/* At most SIDECARS_AT_ONCE of `sidecars_left`: each holds all of the recording. */
void recorder_write_some_sidecars(WebRTCRecorder *recorder);
