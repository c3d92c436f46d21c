#include "recorder/keyframe_request.h"

#include <glib.h>

#include "base/clock.h"

#define SPACING_NS (500 * NS_PER_MS) /* as long as the server passes on no second one */
#define BACK_OFF_MAX_NS (16 * NS_PER_SECOND)
/* From the server to the publisher and back, and until a picture is encoded. */
#define MAKING_NS (500 * NS_PER_MS)
#define MAKING_MIN_NS (2 * NS_PER_MS)
#define HOLD_MAX_NS (1500 * NS_PER_MS)
/* A publisher who answers none makes nobody wait for what is missing. */
#define HOLDING_PLIS 2
#define LOSSY_TRIES 3 /* before it backs off where packets get lost */

void keyframe_request_want(KeyframeRequest *request, int64_t due_ns)
{
    if (!request->is_wanted) {
        request->has_begun = false;
        request->unanswered = 0;
        request->back_off_ns = 0;
    } else if (request->has_begun || due_ns >= request->due_ns) {
        return;
    }
    request->is_wanted = true;
    request->due_ns = MAX(due_ns, request->last_pli_ns + SPACING_NS);
}

void keyframe_request_lost(KeyframeRequest *request, int64_t due_ns)
{
    if (request->is_wanted && request->unanswered > 0 && !request->has_begun)
        return;
    request->has_begun = false;
    keyframe_request_want(request, due_ns);
}

/* One that was already under way when the server heard the PLI, because somebody else had asked, is
 * no answer to it. */
static bool is_answer(const KeyframeRequest *request, int64_t arrival_ns)
{
    const RoundTrip *round_trip = request->round_trip;
    if (request->unanswered == 0 || !round_trip || !round_trip->is_known)
        return true;
    return arrival_ns - request->last_pli_ns >= round_trip->smoothed_ns + MAKING_MIN_NS;
}

void keyframe_request_seen(KeyframeRequest *request, int64_t arrival_ns)
{
    if (is_answer(request, arrival_ns))
        request->server_is_deaf = false;
}

void keyframe_request_begun(KeyframeRequest *request, int64_t arrival_ns)
{
    if (!request->is_wanted || request->server_is_deaf)
        return;
    request->has_begun = true;
    request->due_ns = MAX(request->due_ns, arrival_ns + request->timeout_ns);
}

void keyframe_request_came(KeyframeRequest *request, int64_t arrival_ns, bool is_lossy)
{
    request->is_wanted = request->is_wanted && request->server_is_deaf && is_lossy;
    request->last_keyframe_ns = arrival_ns;
}

void keyframe_request_wake(KeyframeRequest *request, int64_t now_ns)
{
    const bool waits = request->is_wanted && !request->has_begun;
    if (waits || request->last_pli_ns == 0)
        return;
    request->has_begun = false;
    request->server_is_deaf = true;
    keyframe_request_want(request, now_ns);
}

void keyframe_request_forget(KeyframeRequest *request)
{
    request->is_wanted = false;
    request->server_is_deaf = false;
}

/* Where packets get lost, the PLI or what came of it may have been lost, too: it is sent again as
 * soon as the key frame should have come, a few times before it backs off. */
static int64_t patience_ns(KeyframeRequest *request, bool is_lossy)
{
    int64_t first_ns = request->timeout_ns;
    if (is_lossy && request->round_trip)
        first_ns = MIN(first_ns, round_trip_answer_ns(request->round_trip) + MAKING_NS);
    const int64_t waits_ns = MAX(first_ns, request->back_off_ns);
    const bool backs_off = !is_lossy || request->unanswered > LOSSY_TRIES;
    request->back_off_ns = backs_off ? MIN(waits_ns * 2, BACK_OFF_MAX_NS) : waits_ns;
    return waits_ns;
}

bool keyframe_request_take(KeyframeRequest *request, int64_t now_ns, bool is_lossy)
{
    if (!request->is_wanted || now_ns < request->due_ns)
        return false;
    request->unanswered++;
    request->last_pli_ns = now_ns;
    request->due_ns = now_ns + patience_ns(request, is_lossy);
    request->server_is_deaf = true;
    return true;
}

int64_t keyframe_request_holds_until(const KeyframeRequest *request)
{
    if (!request->server_is_deaf || request->unanswered > HOLDING_PLIS)
        return 0;
    return MIN(request->due_ns + MAKING_NS, request->last_pli_ns + HOLD_MAX_NS);
}
