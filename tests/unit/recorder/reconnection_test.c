#include <glib.h>

#include "base/clock.h"
#include "recorder/reconnection.h"
#include "recorder_tests.h"

#define S NS_PER_SECOND
#define T0 (1000 * S)

static Reconnection begun(bool may_resume)
{
    Reconnection link = {.give_up_ns = 180 * S, .answer_ns = 20 * S};
    g_assert_cmpint(reconnection_step(&link, T0), ==, STEP_NOTHING);
    reconnection_begin(&link, may_resume, 0, T0);
    return link;
}

static void test_first_at_once(void)
{
    Reconnection link = begun(true);
    g_assert_true(link.is_resume);
    g_assert_cmpint(reconnection_step(&link, T0), ==, STEP_TRY);
    reconnection_tried(&link, T0);
    g_assert_cmpint(reconnection_step(&link, T0 + 4 * S), ==, STEP_NOTHING);
    g_assert_cmpint(reconnection_step(&link, T0 + 5 * S), ==, STEP_TRY_AGAIN);
    reconnection_answered(&link, S / 10, T0 + S);
    g_assert_cmpint(reconnection_step(&link, T0 + 4 * S), ==, STEP_NOTHING);
    g_assert_cmpint(reconnection_step(&link, T0 + 5 * S), ==, STEP_TRY_AGAIN);
    reconnection_done(&link, T0 + 5 * S);
    g_assert_cmpint(reconnection_step(&link, T0 + 500 * S), ==, STEP_NOTHING);
}

/* Nobody answers: when the attempts begin, without and with the most jitter. */
static void test_back_off(void)
{
    static const struct {
        double jitter;
        int64_t at_ms[7];
    } rows[] = {
        {0, {0, 300, 1300, 3300, 6300, 9300, 12300}},
        {1, {0, 375, 1625, 4125, 7875, 11625, 15375}},
    };
    for (unsigned row = 0; row < G_N_ELEMENTS(rows); row++) {
        Reconnection link = begun(true);
        for (unsigned i = 0; i < 7; i++) {
            const int64_t at_ns = T0 + rows[row].at_ms[i] * NS_PER_MS;
            g_assert_cmpint(reconnection_step(&link, at_ns - 1), ==, STEP_NOTHING);
            g_assert_cmpint(reconnection_step(&link, at_ns), ==, STEP_TRY);
            reconnection_tried(&link, at_ns);
            reconnection_retry(&link, rows[row].jitter, at_ns);
        }
        g_assert_true(link.is_resume);
    }
}

/* The server answers and no media come: resumes for as long as it keeps a session, then rejoins. */
static void test_no_media(void)
{
    Reconnection link = begun(true);
    int64_t now_ns = T0;
    unsigned resumes = 0, rejoins = 0;
    ReconnectionStep step;
    while ((step = reconnection_step(&link, now_ns)) != STEP_GIVE_UP) {
        if (step == STEP_TRY) {
            *(link.is_resume ? &resumes : &rejoins) += 1;
            g_assert_true(link.is_resume || now_ns - T0 >= 20 * S);
            reconnection_tried(&link, now_ns);
            reconnection_answered(&link, 0, now_ns);
        } else if (step == STEP_TRY_AGAIN) {
            reconnection_retry(&link, 0, now_ns);
        }
        now_ns += S / 10;
    }
    g_assert_cmpint(now_ns - T0, ==, 180 * S);
    g_assert_cmpuint(resumes, ==, 7);
    g_assert_cmpuint(rejoins, >=, 36);
    g_assert_cmpuint(rejoins, <=, 41);
}

/* A server that lets us in and sends us away at once is not asked without a pause. */
static void test_sent_away(void)
{
    Reconnection link = begun(false);
    int64_t now_ns = T0;
    unsigned tries = 0;
    for (; now_ns < T0 + 60 * S; now_ns += 10 * NS_PER_MS) {
        if (reconnection_step(&link, now_ns) != STEP_TRY)
            continue;
        tries++;
        reconnection_tried(&link, now_ns);
        reconnection_answered(&link, 0, now_ns);
        reconnection_retry(&link, 0, now_ns);
    }
    g_assert_cmpuint(tries, <=, 23);
}

/* Each session ends as soon as it has begun: once in a while it is tried all the same. */
static void test_thrown_out(void)
{
    Reconnection link = begun(false);
    unsigned tries = 0;
    for (int64_t now_ns = T0; now_ns < T0 + 60 * S; now_ns += 10 * NS_PER_MS) {
        if (link.phase == RECONNECTION_NONE)
            reconnection_begin(&link, false, 0, now_ns);
        if (reconnection_step(&link, now_ns) != STEP_TRY)
            continue;
        tries++;
        reconnection_tried(&link, now_ns);
        reconnection_answered(&link, 0, now_ns);
        reconnection_done(&link, now_ns);
    }
    g_assert_cmpuint(tries, <=, 23);
    /* one that lasted counts anew */
    reconnection_done(&link, T0 + 60 * S);
    reconnection_begin(&link, true, 0, T0 + 71 * S);
    g_assert_cmpint(reconnection_step(&link, T0 + 71 * S), ==, STEP_TRY);
}

static void test_refused(void)
{
    Reconnection link = begun(true);
    reconnection_tried(&link, T0);
    reconnection_retry(&link, 0, T0);
    g_assert_cmpint(reconnection_step(&link, T0), ==, STEP_NOTHING);
    reconnection_drop_session(&link, T0);
    g_assert_cmpint(reconnection_step(&link, T0), ==, STEP_TRY);
    g_assert_false(link.is_resume);
    reconnection_tried(&link, T0);
    reconnection_retry(&link, 0, T0);
    reconnection_drop_session(&link, T0);
    g_assert_cmpint(reconnection_step(&link, T0), ==, STEP_NOTHING); /* a second one waits */
    reconnection_tried(&link, T0 + S);
    g_assert_cmpint(reconnection_step(&link, T0 + 20 * S), ==, STEP_NOTHING);
    g_assert_cmpint(reconnection_step(&link, T0 + 21 * S), ==, STEP_TRY_AGAIN);
}

/* The signalling alone is gone, for longer than anybody would wait for media. */
static void test_media_flow_on(void)
{
    Reconnection link = begun(true);
    for (int64_t now_ns = T0; now_ns < T0 + 1000 * S; now_ns += S) {
        reconnection_note_media(&link, now_ns);
        const ReconnectionStep step = reconnection_step(&link, now_ns);
        g_assert_cmpint(step, !=, STEP_GIVE_UP);
        if (step != STEP_TRY)
            continue;
        reconnection_tried(&link, now_ns);
        reconnection_retry(&link, 0.5, now_ns);
    }
    g_assert_true(link.is_resume);
    g_assert_cmpint(reconnection_step(&link, T0 + 1178 * S), !=, STEP_GIVE_UP);
    g_assert_cmpint(reconnection_step(&link, T0 + 1179 * S), ==, STEP_GIVE_UP);
}

/* What is given up may still reach the server: while nothing is lost the attempt has longer. */
static void test_patient_while_media_flow(void)
{
    Reconnection link = begun(true);
    reconnection_tried(&link, T0);
    reconnection_note_media(&link, T0 + 9 * S);
    g_assert_cmpint(reconnection_step(&link, T0 + 14 * S - 1), ==, STEP_NOTHING);
    g_assert_cmpint(reconnection_step(&link, T0 + 14 * S), ==, STEP_TRY_AGAIN);
    reconnection_note_media(&link, T0 + 19 * S);
    g_assert_cmpint(reconnection_step(&link, T0 + 20 * S - 1), ==, STEP_NOTHING);
    g_assert_cmpint(reconnection_step(&link, T0 + 20 * S), ==, STEP_TRY_AGAIN);
    reconnection_drop_session(&link, T0 + 20 * S);
    reconnection_tried(&link, T0 + 20 * S);
    reconnection_note_media(&link, T0 + 39 * S);
    g_assert_cmpint(reconnection_step(&link, T0 + 40 * S), ==, STEP_TRY_AGAIN);
}

void reconnection_test_add(void)
{
    g_test_add_func("/recorder/reconnection/first-at-once", test_first_at_once);
    g_test_add_func("/recorder/reconnection/back-off", test_back_off);
    g_test_add_func("/recorder/reconnection/no-media", test_no_media);
    g_test_add_func("/recorder/reconnection/sent-away", test_sent_away);
    g_test_add_func("/recorder/reconnection/thrown-out", test_thrown_out);
    g_test_add_func("/recorder/reconnection/refused", test_refused);
    g_test_add_func("/recorder/reconnection/media-flow-on", test_media_flow_on);
    g_test_add_func("/recorder/reconnection/patient-while-media-flow",
                    test_patient_while_media_flow);
}
