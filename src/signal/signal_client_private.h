/* The inside of a SignalClient, shared by signal_client (its life, and what the server says) and
 * signal_client_requests (what is asked of the server). Thread: main. */
#pragma once

#include "signal/signal_client.h"
#include "signal/signal_socket.h"

/* Counted references: a callback may free the client while a message is being worked through. */
struct SignalClient {
    SignalClientOut out;  /* empty when nothing is to be told any more */
    SignalSocket *socket; /* NULL while there is none */
    RoomView *room;
    SyncState *sync;
    char *url, *token, *ca_file;
    SocketWatch *watch;
    char *own_sid;
    bool auto_subscribe;
    bool is_joined, is_resuming; /* the first message of a new socket is awaited */
    SyncChannel channels[SYNC_MAX_CHANNELS];
    unsigned channel_count;

    GSource *ping_source;
    int64_t answer_timeout_ns, ping_interval_ns, ping_timeout_ns;
    int64_t ping_sent_ns, ping_timestamp_ms;
    unsigned unanswered_pings;
    SignalStats stats;
};

/* Takes the bytes; does nothing while there is no socket. */
void signal_client_send(SignalClient *client, GBytes *request);

/* As if that binary message had come from the server. */
void signal_client_inject_for_test(SignalClient *client, const void *data, size_t size);
