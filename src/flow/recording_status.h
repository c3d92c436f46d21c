/* Everything that a person can be told about a recording, as plain values: the one source of the
 * HTTP status, the sidecar, the live line and the metrics.
 * Thread: main builds it from counters that are safe to read; a snapshot belongs to its reader. */
#pragma once

#include "flow/bounded_queue.h"
#include "flow/container.h"
#include "flow/encoder_settings.h"
#include "flow/outcome.h"
#include "flow/recording_state.h"
#include "flow/track.h"

typedef enum {
    CHECK_ROOM_CONNECTED,
    CHECK_PUBLICATIONS_DISCOVERED,
    CHECK_SUBSCRIBED,
    CHECK_FIRST_RTP,
    CHECK_KEYFRAME,
    CHECK_FRAMES_FLOWING,
    CHECK_RTCP_FEEDBACK,
    CHECK_COUNT,
} CheckName;

typedef enum { CHECK_NOT_YET, CHECK_OK, CHECK_FAILED } CheckState;

typedef struct {
    CheckState state;
    int64_t since_wall_ns; /* when it came to this state; 0 = from the start */
    char why[200];
} CheckItem;

const char *check_name(CheckName name);          /* "room_connected", ... */
const char *check_name_sentence(CheckName name); /* "Room connected" */
const char *check_state_name(CheckState state);  /* "ok", "not_yet", "failed" */

typedef struct {
    uint64_t in, out, consumed, held, dropped[DROP_COUNT];
} LedgerRowValues;

#define STATUS_IDENTITY_MAX 260
#define STATUS_MAX_GAPS 64
#define STATUS_MAX_INPUTS 64
#define STATUS_MAX_LOSSES 64
#define STATUS_MAX_EVENTS 256
#define STATUS_MAX_PAUSES 256

typedef struct {
    unsigned id;     /* the recording's own number of the track */
    unsigned output; /* index into outputs */
    char sid[64];    /* TR_..., of the last publication */
    char identity[STATUS_IDENTITY_MAX];
    TrackKind kind;
    TrackSource source;
    Codec codec; /* as published */
    Treatment treatment;
    char why[160];                      /* this treatment */
    uint32_t layer_width, layer_height; /* asked of the server; 0 = it has no layers */
    char layer_why[200];
    EncoderSettings encoder_settings; /* its encoder is NULL where the track never had one */
    Codec encoder_codec;              /* that it encodes to, where there is one */
    uint64_t encoded_frames, undecodable_frames, left_out_frames, encode_timeouts;
    int64_t encoder_busy_ns;
    bool encoder_behind; /* in the last seconds */
    bool published, muted, paused, stalled;
    bool subscribed; /* confirmed by the server and, unless muted, OnTrack */

    uint64_t packets, bytes, lost, recovered, nacks, plis, keyframes, sender_reports;
    uint64_t frames, frames_written, bytes_written;
    int64_t last_write_age_ns; /* -1 = nothing written yet */
    int64_t silence_ns;
    int64_t drift_ppb, offset_ns;
    unsigned clock_steps;
    uint32_t width, height;
    TrackInput inputs[STATUS_MAX_INPUTS];
    unsigned input_count; /* may be more than are kept */
    double plis_per_minute;
    int64_t round_trip_ns; /* to the server; 0 = not known */
    TrackGap losses[STATUS_MAX_LOSSES];
    unsigned loss_count; /* may be more than are kept */
    QueueStats queue;    /* the one that frames are dropped from */
    LedgerRowValues ledger[STAGE_COUNT];
    Outcome outcome;

    /* known at the end */
    int64_t first_pts_ns, last_pts_ns;
    unsigned size_changes, gap_count;
    struct {
        int64_t start_ns, end_ns;
    } gaps[STATUS_MAX_GAPS];
} TrackStatus;

typedef struct {
    char path[4096];
    char identity[STATUS_IDENTITY_MAX];
    bool screen_share;
    Container container;
    uint64_t bytes;
    int64_t duration_ns;
    int64_t room_offset_ns; /* the file's zero on the recording's timeline */
    bool finished, fragmented;
    char layout_reason[128];
} OutputStatus;

typedef struct {
    int64_t at_ns; /* on the recording's timeline */
    char text[160];
} StatusEvent;

typedef struct {
    int64_t start_ns, end_ns; /* on the recording's timeline; INT64_MAX: it goes on */
    bool holds;               /* the time is kept in the file */
} StatusPause;

typedef struct {
    char mint_id[STATUS_IDENTITY_MAX];
    char room[STATUS_IDENTITY_MAX], room_sid[64];
    char server_version[32];
    RecordingState state;
    bool reconnecting, paused;
    bool discarded;                                            /* its files are removed */
    int64_t requested_wall_ns, started_wall_ns, ended_wall_ns; /* 0 = not yet */
    int64_t duration_ns; /* since started, or of the whole; without what was cut out */
    int64_t paused_ns;
    int64_t connection_ns, subscription_ns; /* how long each took; 0 = not yet */
    uint64_t video_frames, audio_frames, dropped_frames, pli_requests, track_subscriptions;
    uint64_t lost_packets;
    uint64_t file_bytes;

    char transport_pair[200], srtp_profile[40];
    int receive_buffer_bytes;

    CheckItem checklist[CHECK_COUNT];
    Outcome outcome;
    EndReason end_reason;

    TrackStatus *tracks;
    unsigned track_count;
    OutputStatus *outputs;
    unsigned output_count;
    StatusEvent *events;
    unsigned event_count;
    StatusPause *pauses; /* the first ones */
    unsigned pause_count;
} RecordingStatus;

void recording_status_free(RecordingStatus *status);
