/* The net side of one track: receiver -> depayloader -> clock -> gate -> queue. The receiver is
 * replaced when the track comes back under another SSRC; what is behind it goes on. Thread: net. */
#pragma once

#include "base/pool.h"
#include "flow/bounded_queue.h"
#include "flow/track.h"
#include "recorder/pause_gate.h"
#include "rtp/receiver.h"
#include "timing/media_clock.h"

typedef struct TrackPipeline TrackPipeline;

typedef struct {
    unsigned track_id, publisher_id;
    TrackKind kind;
    BoundedQueue *queue;     /* borrowed */
    TrackCounters *counters; /* borrowed */
    MediaClock *clock;       /* borrowed */
    PauseGate *gate;         /* borrowed; outlives it */
    Pool *pool;
    int64_t keyframe_timeout_ns; /* after a PLI without an answer another follows at the latest */
    const RoundTrip *round_trip; /* to the server; borrowed */
    int64_t seek_interval_ns;    /* 0 = off */
    int64_t *waited_ns;          /* see recorder/queue_patience.h; borrowed, or NULL */
} TrackPipelineConfig;

typedef struct {
    void *owner;
    /* The first packet of a known payload type since the last bind. */
    void (*on_track)(void *owner, unsigned track_id);
    /* A key frame of another codec or size than the last one, the first included. */
    void (*input_changed)(void *owner, unsigned track_id, const TrackInput *input);
    /* Pictures are missing in front of one that came; may be NULL. */
    void (*gap)(void *owner, unsigned track_id, const TrackGap *gap);
} TrackPipelineOut;

TrackPipeline *track_pipeline_new(const TrackPipelineConfig *config, TrackPipelineOut out);
void track_pipeline_free(TrackPipeline *pipeline);

/* A subscription begins: packets of these SSRCs and payload types will come. */
void track_pipeline_bind(TrackPipeline *pipeline, uint32_t ssrc, uint32_t rtx_ssrc,
                         const ReceiverPayload *payloads, unsigned count);
/* It is over: what is held is handed on. */
void track_pipeline_unbind(TrackPipeline *pipeline);

/* Where frames go from now on; `moves` takes along those that still wait, else a key frame is asked
 * for. */
void track_pipeline_set_queue(TrackPipeline *pipeline, BoundedQueue *queue, bool moves);

/* The server was asked for a smaller layer: pictures with a longer side are left out until it
 * comes, three seconds at most. Zero: every picture is welcome. */
void track_pipeline_await_side(TrackPipeline *pipeline, uint32_t longest);

/* Frames that arrived before then are a backlog, see recorder/queue_patience.h. */
void track_pipeline_be_patient(TrackPipeline *pipeline, int64_t until_ns);

/* Returns when to call track_pipeline_feedback(). */
int64_t track_pipeline_push(TrackPipeline *pipeline, const RtpPacket *packet);
void track_pipeline_sender_report(TrackPipeline *pipeline, const RtcpSenderReport *report,
                                  int64_t now_ns);

#define PLI_REPETITIONS 2

/* Gives up on what is too old and writes the NACK and PLI that are due; returns when to call again.
 * What is in `again` is to be sent right behind, PLI_REPETITIONS times, each a datagram of its own:
 * on a lossy path a PLI must be heard, but not later than the key frame, as the server would answer
 * no NACKs for that. */
int64_t track_pipeline_feedback(TrackPipeline *pipeline, int64_t now_ns, uint32_t own_ssrc,
                                ByteWriter *rtcp, ByteWriter *again);

/* There is a new measurement of the round trip. */
void track_pipeline_round_trip_changed(TrackPipeline *pipeline);

bool track_pipeline_report_block(TrackPipeline *pipeline, int64_t now_ns, RtcpReportBlock *block);

/* Sent with the next feedback unless one went out less than 500 ms ago. */
void track_pipeline_request_keyframe(TrackPipeline *pipeline);

/* Copies the clock's figures into the counters; true when the head correction is new, or was moved
 * by a pause. Its times are the file's. */
bool track_pipeline_publish_clock(TrackPipeline *pipeline, HeadCorrection *ret_head);
/* A pause was cut out: what was told of the times behind its start holds no longer. */
void track_pipeline_move_head(TrackPipeline *pipeline, int64_t start_ns);

/* The end of the recording: everything held is handed on and the queue ends. */
void track_pipeline_stop(TrackPipeline *pipeline);

/* Adds what a packet touches from here on, up to the queue. */
void track_pipeline_hot_memory(const TrackPipeline *pipeline, HotMemory *hot);
