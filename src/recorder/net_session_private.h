/* The inside of a NetSession, shared by the files that make it up: net_session (commands from main,
 * notices to it), net_connection (offers, peer, packets) and net_feedback (timer, RTCP).
 * Thread: net, but for what is marked. */
#pragma once

#include "recorder/net_session.h"
#include "recorder/track_pipeline.h"
#include "sdp/session_description.h"

typedef struct {
    uint32_t ssrc;
    TrackPipeline *pipeline;
} SsrcRow;

typedef struct {
    SessionDescription *description;
    uint32_t id;
} Offer;

struct NetSession {
    NetThread *thread;
    NetSessionOut out;
    NetSessionConfig config;
    unsigned generation; /* main: how often it was reset */
    struct {
        /* what each packet touches, side by side */
        int64_t still_until_ns; /* of the last standstill that the clock was told of */
        int64_t silent_from_ns; /* a silence was noticed and no packet has come since; or 0 */
        int64_t wake_ns;
        SsrcRow *ssrcs;
        unsigned ssrc_count;

        Pool *pool;
        MediaClock *clock;
        PauseGate *gate;
        Peer *peer;
        unsigned generation;
        bool stopped;
        bool loopback_only;
        GPtrArray *ice_servers;  /* of PeerIceServer* */
        GPtrArray *pipelines;    /* of TrackPipeline*, by track id; NULL where there is none */
        GHashTable *tracks;      /* TR_ sid -> track id + 1 */
        GHashTable *bound_ssrcs; /* TR_ sid -> ssrc that its pipeline was bound to */
        Offer offer;             /* the last one */
        bool offer_waits;        /* for candidates, before the peer is made */
        int64_t offer_deadline_ns;
        GPtrArray *early_candidates;
        bool no_more_candidates;
        uint64_t session_id;
        unsigned session_version;
        uint32_t ssrc;
        char *cname;
        NetTimer timer;
        int64_t report_ns;
        RoundTrip round_trip;     /* to the server, of the present connection */
        uint64_t heard_datagrams; /* when the peer was looked at last */
        unsigned silent_seconds;
    } net; /* only touched on the net thread */
};

typedef enum {
    NOTICE_ANSWER,
    NOTICE_CANDIDATE,
    NOTICE_PEER_STATE,
    NOTICE_BAD_OFFER,
    NOTICE_CONFIRMED,
    NOTICE_ON_TRACK,
    NOTICE_INPUT,
    NOTICE_GAP,
    NOTICE_HEAD,
    NOTICE_PAUSED,
    NOTICE_RESUMED,
    NOTICE_STATS,
    NOTICE_STOPPED,
} NoticeName;

typedef struct {
    NoticeName name;
    unsigned generation;
    char *text;
    uint32_t number;
    int error;
    HeadCorrection head;
    TrackInput input;
    TrackGap gap;
    GatePause pause;
    PeerStats stats;
} Notice;

/* Any thread. What is left is read when main looks, and wakes nobody. */
void net_post_notice(NetSession *session, Notice notice);
void net_leave_notice(NetSession *session, Notice notice);

/* net_feedback */
void net_start_timer(void *owner, void *message);
void net_wake_at(NetSession *session, int64_t at_ns);
/* The clocks' figures and the peer's go to main. */
void net_publish(NetSession *session);
/* The server's answer to the reference time that went out with a report: tells the round trip. */
void net_take_reference_answer(NetSession *session, uint32_t reference, uint32_t delay,
                               int64_t arrival_ns);
TrackPipeline *net_pipeline_at(const NetSession *session, unsigned index);

/* net_connection */
/* Lists what a packet touches on its way, for the turn of the sockets (base/hot_memory.h). Once a
 * second: what comes and goes in between is fetched, or not, without harm. */
void net_list_hot_memory(const NetSession *session);
void net_take_offer(NetSession *session, const char *sdp, uint32_t id);
void net_take_candidate(NetSession *session, const char *candidate); /* NULL: no more */
void net_open_peer(NetSession *session);
PeerIceServer *net_flatten_servers(const NetSession *session); /* g_free(); texts are borrowed */
/* Mids and sections are re-used for other tracks, so the table is made anew for every offer. */
void net_bind_sections(NetSession *session);
TrackPipeline *net_find_pipeline(const NetSession *session, uint32_t ssrc);
void net_drop_ssrcs(NetSession *session, const TrackPipeline *pipeline);
