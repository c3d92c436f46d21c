#include "recorder/reconnection.h"

#include "base/clock.h"

#define JITTER_SHARE 0.25
/* Who throws us out each time is asked less and less. */
#define STABLE_NS (10 * NS_PER_SECOND)
/* A server counts a session as lost after 15 s without a packet and keeps it for another 5; each
 * resume begins that anew. */
#define SESSION_LIFE_NS (20 * NS_PER_SECOND)
/* libnice asks at 0, 0.5 and 1.5 s and gives a pair up after 2: a new round asks again. */
#define RESUME_MEDIA_NS (3 * NS_PER_SECOND)
#define REJOIN_MEDIA_NS (4 * NS_PER_SECOND)
#define MEDIA_ROUND_TRIPS 10 /* ICE, and DTLS with a lost packet or two */

static const int64_t delays_ms[] = {300, 1000, 2000, 3000}; /* since the last attempt began */

static void await_turn(Reconnection *reconnection, double jitter, int64_t now_ns)
{
    const unsigned last = sizeof delays_ms / sizeof *delays_ms - 1;
    const unsigned index = reconnection->attempts < last ? reconnection->attempts : last;
    const double delay_ns = (double)(delays_ms[index] * NS_PER_MS) * (1.0 + JITTER_SHARE * jitter);
    const int64_t next_ns = reconnection->tried_ns + (int64_t)delay_ns;
    reconnection->attempts++;
    reconnection->due_ns = next_ns > now_ns ? next_ns : now_ns;
}

void reconnection_begin(Reconnection *reconnection, bool may_resume, double jitter, int64_t now_ns)
{
    if (now_ns - reconnection->done_ns >= STABLE_NS)
        reconnection->attempts = 0;
    reconnection->phase = RECONNECTION_WAITS;
    reconnection->is_resume = may_resume;
    reconnection->begun_ns = now_ns;
    reconnection->due_ns = now_ns;
    if (reconnection->attempts > 0)
        await_turn(reconnection, jitter, now_ns);
}

void reconnection_drop_session(Reconnection *reconnection, int64_t now_ns)
{
    if (reconnection->is_resume && reconnection->phase == RECONNECTION_WAITS)
        reconnection->due_ns = now_ns;
    reconnection->is_resume = false;
}

void reconnection_note_media(Reconnection *reconnection, int64_t now_ns)
{
    reconnection->begun_ns = now_ns;
    if (reconnection->phase != RECONNECTION_SIGNALS || !reconnection->is_resume)
        return;
    const int64_t without_media_ns = now_ns + RECONNECTION_RESUME_TIMEOUT_NS;
    const int64_t longest_ns = reconnection->tried_ns + RECONNECTION_RESUME_LONGEST_NS;
    reconnection->due_ns = without_media_ns < longest_ns ? without_media_ns : longest_ns;
}

void reconnection_tried(Reconnection *reconnection, int64_t now_ns)
{
    reconnection->phase = RECONNECTION_SIGNALS;
    reconnection->tried_ns = now_ns;
    reconnection->due_ns = now_ns + (reconnection->is_resume ? RECONNECTION_RESUME_TIMEOUT_NS
                                                             : reconnection->answer_ns);
}

void reconnection_answered(Reconnection *reconnection, int64_t rtt_ns, int64_t now_ns)
{
    const int64_t patience_ns = reconnection->is_resume ? RESUME_MEDIA_NS : REJOIN_MEDIA_NS;
    reconnection->phase = RECONNECTION_AWAITS_MEDIA;
    reconnection->due_ns = now_ns + patience_ns + MEDIA_ROUND_TRIPS * rtt_ns;
}

void reconnection_retry(Reconnection *reconnection, double jitter, int64_t now_ns)
{
    const bool had_answer = reconnection->phase == RECONNECTION_AWAITS_MEDIA;
    if (had_answer && now_ns - reconnection->begun_ns >= SESSION_LIFE_NS)
        reconnection->is_resume = false;
    reconnection->phase = RECONNECTION_WAITS;
    await_turn(reconnection, jitter, now_ns);
}

void reconnection_done(Reconnection *reconnection, int64_t now_ns)
{
    reconnection->phase = RECONNECTION_NONE;
    reconnection->attempts++;
    reconnection->done_ns = now_ns;
}

ReconnectionStep reconnection_step(const Reconnection *reconnection, int64_t now_ns)
{
    if (reconnection->phase == RECONNECTION_NONE)
        return STEP_NOTHING;
    if (now_ns - reconnection->begun_ns >= reconnection->give_up_ns)
        return STEP_GIVE_UP;
    if (now_ns < reconnection->due_ns)
        return STEP_NOTHING;
    return reconnection->phase == RECONNECTION_WAITS ? STEP_TRY : STEP_TRY_AGAIN;
}
