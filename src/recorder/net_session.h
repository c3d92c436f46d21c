/* The net side of one recording: a peer connection, the table from SSRC to track, and the tracks'
 * pipelines. It outlives its peer, so that a reconnect goes on with the same tracks and timeline.
 * Thread: created, commanded and freed by main; callbacks come on main through the mailbox;
 * everything else runs on the net thread given. */
#pragma once

#include "base/mailbox.h"
#include "flow/bounded_queue.h"
#include "flow/track.h"
#include "recorder/pause_gate.h"
#include "timing/media_clock.h"
#include "transport/peer.h"

typedef struct NetSession NetSession;

typedef struct {
    void *owner;
    Mailbox *mailbox;
    void (*answer)(void *owner, const char *sdp, uint32_t id);
    void (*local_candidate)(void *owner, const char *candidate); /* NULL: no more */
    void (*peer_state)(void *owner, PeerState state, int peer_error, const char *sentence);
    void (*bad_offer)(void *owner, const char *sentence);
    void (*track_confirmed)(void *owner, unsigned track_id); /* it is in an offer */
    void (*on_track)(void *owner, unsigned track_id); /* first packet of known payload type */
    void (*input_changed)(void *owner, unsigned track_id, const TrackInput *input);
    void (*gap)(void *owner, unsigned track_id, const TrackGap *gap); /* pictures are missing */
    void (*head_correction)(void *owner, unsigned track_id, const HeadCorrection *head);
    void (*paused)(void *owner, const GatePause *pause);  /* its start is known */
    void (*resumed)(void *owner, const GatePause *pause); /* its end as well */
    /* Every second. For so many seconds nothing at all has come, not even an answer to what asks
     * for one; 0 while there is no telling. */
    void (*stats)(void *owner, const PeerStats *stats, unsigned silent_seconds);
    void (*stopped)(void *owner); /* after net_session_stop(); nothing comes after it */
} NetSessionOut;

typedef struct {
    int64_t origin_ns; /* zero of the timeline, monotonic */
    size_t pool_max_bytes;
    int64_t keyframe_timeout_ns, seek_interval_ns;
    bool prefer_aes_256;
    const char *cname;
} NetSessionConfig;

NetSession *net_session_new(NetThread *thread, const NetSessionConfig *config, NetSessionOut out);

/* After `stopped`. */
void net_session_free(NetSession *session);

/* The connection that the next offer opens, or the next ICE restart of the one that is open; takes
 * a copy. */
void net_session_prepare(NetSession *session, bool loopback_only, const PeerIceServer *servers,
                         unsigned server_count);
void net_session_offer(NetSession *session, const char *sdp, uint32_t id);
void net_session_candidate(NetSession *session, const char *candidate); /* NULL: no more */

typedef struct {
    unsigned track_id, publisher_id;
    TrackKind kind;
    BoundedQueue *queue;     /* borrowed until `stopped` */
    TrackCounters *counters; /* borrowed until `stopped` */
    uint32_t longest_side;   /* of a picture that may be in the file; 0 = any */
} NetTrack;

/* The publication `track_sid` belongs to this track from now on; the first call makes its
 * pipeline. May come before or after the offer that holds it. */
void net_session_bind(NetSession *session, const char *track_sid, const NetTrack *track);
void net_session_unbind(NetSession *session, const char *track_sid);

/* Frames of that track go to another queue from now on; see track_pipeline_set_queue(). */
void net_session_set_queue(NetSession *session, unsigned track_id, BoundedQueue *queue, bool moves);
void net_session_request_keyframe(NetSession *session, unsigned track_id);

/* Keeps out what comes from now on, up to the first key frame after net_session_resume(). */
void net_session_pause(NetSession *session, bool holds);
void net_session_resume(NetSession *session);

/* Drops the peer and every binding; tracks and timeline stay for the next offer. */
void net_session_reset(NetSession *session);

/* Hands on what is held, ends the queues, closes the peer; `stopped` follows. */
void net_session_stop(NetSession *session);
