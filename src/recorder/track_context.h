/* The state of one track of a recording: a publisher's kind and source, over all the publications
 * and subscriptions that carry it.
 * Thread: main; `queue` and `counters` are shared with the net and sink threads, which are done
 * with them before it is freed. */
#pragma once

#include "encode/track_encoder.h"
#include "flow/bounded_queue.h"
#include "flow/outcome.h"
#include "flow/recording_status.h"
#include "flow/track.h"
#include "recorder/track_plan.h"
#include "signal/room_view.h"
#include "sink/output.h"

typedef struct {
    unsigned id;
    unsigned publisher_id; /* same for the tracks of one identity: they share a clock */
    unsigned output;       /* index of its output slot */
    char *identity;
    TrackKind kind;
    TrackSource source; /* never unknown: camera or microphone by kind then */
    unsigned nth;       /* a further track of the same identity, kind and source */

    BoundedQueue *queue; /* to the file */
    TrackCounters counters;

    TrackPlan plan;
    TrackFacts facts;                     /* that the plan was made from */
    bool layer_was_asked;                 /* the server knows of a wish */
    uint64_t expected_seen, missing_seen; /* of the counters, when the link was judged last */
    TrackEncoder *encoder; /* between `encode_queue` and `queue`; NULL: as published */
    BoundedQueue *encode_queue;
    bool goes_without_encoder; /* none was to be had when it was published, or published anew */
    bool encoder_failed;       /* what goes into `encode_queue` comes out as it is */
    bool is_diverted; /* frames go to `encode_queue`: to the encoder, or to wait for the plan */
    Codec encoder_codec;
    EncoderSettings encoder_settings;
    bool holds_encode_slot;
    Outcome encoder_outcome; /* what it failed in, over all publications */
    uint64_t encoder_lost;   /* frames that it had no time for */
    int64_t behind_ns;       /* when that was noticed last */

    /* the publication that carries it now, or carried it last */
    char *sid, *participant_sid;
    Codec announced;
    bool published, muted, paused;
    int64_t removed_ns; /* when it was unpublished last */
    bool was_unmuted;   /* at any time */
    bool asked;         /* subscribe was sent */
    bool confirmed;     /* it was in an offer */
    bool on_track;      /* its first packet came */
    bool started;       /* its first frame is in the file */
    bool stalled;
    int64_t asked_ns;  /* when the patience of the present attempt began */
    int64_t polled_ns; /* last time the server was asked again */
    int64_t retry_ns;  /* back-off of a stalled track */
    uint64_t subscriptions;
    Outcome outcome; /* why it fails or failed; NONE while there is hope */

    TrackInput input;                     /* the last one */
    TrackInput inputs[STATUS_MAX_INPUTS]; /* what arrived, by when it began */
    unsigned input_count;                 /* may be more than are kept */
    unsigned size_changes;
    TrackGap losses[STATUS_MAX_LOSSES]; /* pictures that are missing, the first ones */
    unsigned loss_count;

    OutputTrackResult result;
    bool has_result;
} TrackContext;

typedef struct {
    unsigned max_items;
    size_t max_bytes;
} TrackQueueLimits;

TrackContext *track_context_new(unsigned id, const char *identity, TrackKind kind,
                                TrackSource source, unsigned nth, TrackQueueLimits limits);
void track_context_free(TrackContext *track);

/* Unknown sources count as one of a person's two by their kind. */
TrackSource track_context_source(const Publication *publication);
bool track_context_is_screen(const TrackContext *track);

/* A publication begins to carry it: what the last one's life left is reset. */
void track_context_publish(TrackContext *track, const Participant *participant,
                           const Publication *publication);

/* Its frames are encoded now: there is an encoder, which neither failed nor hands on what comes. */
bool track_context_encodes(const TrackContext *track);

/* Where the net side puts its frames. */
BoundedQueue *track_context_input_queue(const TrackContext *track);

/* Confirmed and OnTrack, or confirmed and muted. */
bool track_context_is_subscribed(const TrackContext *track);
