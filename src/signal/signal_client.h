/* Speaks LiveKit's signalling protocol over one WebSocket: v0 /rtc, dual peer connection, the
 * server offers. Keeps the ping going, the token fresh and the room's table current.
 * Thread: main, all calls and callbacks. */
#pragma once

#include "flow/outcome.h"
#include "signal/room_view.h"
#include "signal/sync_state.h"

typedef struct SignalClient SignalClient;

typedef enum {
    LEAVE_DISCONNECT,
    LEAVE_RESUME,
    LEAVE_RECONNECT,
} LeaveAction;

typedef enum {
    SIGNAL_REFUSED,     /* the server does not let us in, or does not know our session any more */
    SIGNAL_UNREACHABLE, /* nobody answered */
    SIGNAL_LOST,        /* the socket of a session broke */
} SignalFailure;

typedef struct {
    const char *url; /* ws:// wss:// http:// https:// with any base path */
    const char *token;
    const char *ca_file; /* PEM for a private authority, or NULL */
    int64_t connect_timeout_ns;
    bool auto_subscribe; /* false: we subscribe explicitly */
} SignalClientConfig;

typedef struct {
    char *url;
    char *username, *credential;
} SignalIceServer;

typedef struct {
    const char *room_sid, *room_name;
    const char *participant_sid, *identity;
    const char *server_version;
    const SignalIceServer *ice_servers;
    unsigned ice_server_count;
} SignalJoin;

typedef struct {
    void *owner;
    /* Before it nothing else is called but failed. room_view's callbacks for those already there
     * come right after it. */
    void (*joined)(void *owner, const SignalJoin *join);
    void (*offer)(void *owner, const char *sdp, uint32_t id, /* mid -> TR_ sid */ GHashTable *mids);
    void (*candidate)(void *owner, const char *candidate); /* of the subscriber connection; "" or
                                                               NULL when there are no more */
    void (*room_updated)(void *owner, const char *room_sid, const char *name);
    void (*subscription_failed)(void *owner, const char *track_sid,
                                int error); /* SubscriptionError */
    void (*subscription_permission)(void *owner, const char *track_sid, bool allowed);
    void (*stream_paused)(void *owner, const char *track_sid, bool paused);
    /* The session goes on over a new socket, and the server was told what it needs to know. Tracks
     * that came or went meanwhile follow as the room table's callbacks, and an offer that restarts
     * ICE. The servers are those that it is to use; none where the server does not say. */
    void (*resumed)(void *owner, const SignalIceServer *servers, unsigned server_count);
    /* The server's goodbye, after which nothing else comes but for a resume; `reason` is livekit's
     * DisconnectReason, as number and name. */
    void (*leave)(void *owner, LeaveAction action, int reason, const char *reason_name);
    /* The join or the resume was refused, or the socket was lost: a code of flow/outcome.h and a
     * sentence. After it nothing else comes but for a resume. */
    void (*failed)(void *owner, SignalFailure failure, OutcomeCode code, const char *sentence);
} SignalClientOut;

/* Starts at once; also fails by callback only, never before the caller's loop runs. */
SignalClient *signal_client_new(const SignalClientConfig *config, SignalClientOut out,
                                RoomViewOut room_out);

typedef struct {
    int reason; /* livekit's ReconnectReason */
    int64_t timeout_ns;
    const SyncChannel *channels; /* of the connection that goes on */
    unsigned channel_count;
} SignalResume;

/* False before a join, and where the server gave us no sid. */
bool signal_client_can_resume(const SignalClient *client);

/* Drops the socket, if there is one, and goes on with the same session over a new one, with the
 * last token; `resumed`, `leave` or `failed` follows. The room's table stays. Fine inside any
 * callback. */
void signal_client_resume(SignalClient *client, const SignalResume *resume);

/* Sends `leave` and closes if joined; no callback comes after it. Fine inside any callback. The
 * socket's closing handshake goes on by itself in the main context. */
void signal_client_free(SignalClient *client);

const RoomView *signal_client_room(const SignalClient *client);
void signal_client_subscribe(SignalClient *client, const char *participant_sid,
                             const char *track_sid, bool subscribe);
/* Asks for the layer that fits (0 x 0 = the best there is). */
void signal_client_track_settings(SignalClient *client, const char *track_sid, bool disabled,
                                  uint32_t width, uint32_t height);
void signal_client_answer(SignalClient *client, const char *sdp, uint32_t id);
void signal_client_candidate(SignalClient *client, const char *candidate); /* NULL: no more */

/* The token for a new join: the server's last refresh, or the configured one. Never logged. */
const char *signal_client_token(const SignalClient *client);

typedef struct {
    uint64_t messages, malformed; /* frames that were no SignalResponse */
    int64_t rtt_ns;               /* of the last ping */
    uint64_t token_refreshes;
} SignalStats;

SignalStats signal_client_stats(const SignalClient *client);
