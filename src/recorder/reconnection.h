/* Decides how and when a recording finds back into its room: what is tried next, how long an
 * attempt may take, and when it is given up. A resume keeps the peer connection, and with it the
 * tracks; it is tried first, as media may flow on while the signalling is gone. A rejoin makes a
 * new session. Thread: any; values only, times are monotonic. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    RECONNECTION_NONE,  /* the connection is fine */
    RECONNECTION_WAITS, /* the next attempt has not begun */
    RECONNECTION_SIGNALS,
    RECONNECTION_AWAITS_MEDIA, /* the server has answered */
} ReconnectionPhase;

typedef enum {
    STEP_NOTHING,
    STEP_TRY,       /* begin the attempt */
    STEP_TRY_AGAIN, /* the attempt takes too long: reconnection_retry() */
    STEP_GIVE_UP,
} ReconnectionStep;

typedef struct {
    ReconnectionPhase phase;
    bool is_resume;
    unsigned attempts;  /* that brought nothing, or something that ended soon */
    int64_t begun_ns;   /* since when media are missing */
    int64_t tried_ns;   /* when the last attempt began */
    int64_t done_ns;    /* when one had brought the connection back */
    int64_t due_ns;     /* when the phase ends */
    int64_t give_up_ns; /* configuration: so long after begun_ns */
    int64_t answer_ns;  /* configuration: so long may the answer to a rejoin take */
} Reconnection;

/* The longest that a server may take to answer a resume: without media, and in any case. One that
 * is given up may still reach the server and take the session from the next, which costs media. */
#define RECONNECTION_RESUME_TIMEOUT_NS INT64_C(5000000000)
#define RECONNECTION_RESUME_LONGEST_NS INT64_C(20000000000)

/* `now_ns` may lie a little back. `jitter` is 0..1 and spreads many recordings over time. */
void reconnection_begin(Reconnection *reconnection, bool may_resume, double jitter, int64_t now_ns);

/* From now on only a rejoin helps. The first one does not wait: a server that refuses is there. */
void reconnection_drop_session(Reconnection *reconnection, int64_t now_ns);

/* Nothing is lost while media flow: nothing is given up, and a resume has longer. */
void reconnection_note_media(Reconnection *reconnection, int64_t now_ns);

void reconnection_tried(Reconnection *reconnection, int64_t now_ns);
void reconnection_answered(Reconnection *reconnection, int64_t rtt_ns, int64_t now_ns);
/* The attempt brought nothing. */
void reconnection_retry(Reconnection *reconnection, double jitter, int64_t now_ns);
void reconnection_done(Reconnection *reconnection, int64_t now_ns);

ReconnectionStep reconnection_step(const Reconnection *reconnection, int64_t now_ns);
