#include "signal/signal_pings.h"

#include "base/clock.h"
#include "signal/requests.h"

#define INTERVAL_SECONDS 5
#define TIMEOUT_SECONDS 15

struct SignalPings {
    SignalPingsOut out;
    int64_t interval_ns, timeout_ns;
    GSource *source;
    unsigned unanswered;
    int64_t sent_ns, timestamp_ms, rtt_ns;
};

SignalPings *signal_pings_new(const Livekit__JoinResponse *join, SignalPingsOut out)
{
    const int interval = join->ping_interval > 0 ? join->ping_interval : INTERVAL_SECONDS;
    const int timeout = join->ping_timeout > 0 ? join->ping_timeout : TIMEOUT_SECONDS;
    SignalPings *pings = g_new0(SignalPings, 1);
    pings->out = out;
    pings->interval_ns = CLAMP(interval, 1, 60) * NS_PER_SECOND;
    pings->timeout_ns = CLAMP(timeout, 1, 300) * NS_PER_SECOND;
    return pings;
}

void signal_pings_free(SignalPings *pings)
{
    if (pings == NULL)
        return;
    signal_pings_stop(pings);
    g_free(pings);
}

/* By pings and not by the clock: a process that was stopped has answers waiting. */
static gboolean on_timer(gpointer data)
{
    SignalPings *pings = data;
    if (pings->unanswered * pings->interval_ns >= pings->timeout_ns) {
        pings->out.unanswered(pings->out.owner);
        return G_SOURCE_REMOVE;
    }
    pings->unanswered++;
    pings->sent_ns = clock_monotonic_ns();
    pings->timestamp_ms = clock_wall_ns() / NS_PER_MS;
    pings->out.send(pings->out.owner, request_ping(pings->timestamp_ms, pings->rtt_ns / NS_PER_MS));
    return G_SOURCE_CONTINUE;
}

void signal_pings_start(SignalPings *pings)
{
    signal_pings_stop(pings);
    pings->unanswered = 0;
    pings->source = g_timeout_source_new_seconds((guint)(pings->interval_ns / NS_PER_SECOND));
    g_source_set_callback(pings->source, on_timer, pings, NULL);
    g_source_attach(pings->source, g_main_context_get_thread_default());
}

void signal_pings_stop(SignalPings *pings)
{
    if (pings->source == NULL)
        return;
    g_source_destroy(pings->source);
    g_clear_pointer(&pings->source, g_source_unref);
}

void signal_pings_heard(SignalPings *pings)
{
    pings->unanswered = 0;
}

void signal_pings_pong(SignalPings *pings, const Livekit__Pong *pong)
{
    if (pings->sent_ns != 0 && pong->last_ping_timestamp == pings->timestamp_ms)
        pings->rtt_ns = clock_monotonic_ns() - pings->sent_ns;
}

int64_t signal_pings_rtt_ns(const SignalPings *pings)
{
    return pings->rtt_ns;
}
