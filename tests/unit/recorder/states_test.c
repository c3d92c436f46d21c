#include <glib.h>

#include "recorder/states.h"
#include "recorder_tests.h"

/* The specification's line, one state a row: what each event leads to. */
#define SAME RECORDING_STATE_COUNT
static const RecordingState expected[RECORDING_STATE_COUNT][EVENT_COUNT] = {
    /* START, ROOM_CONNECTED, SUBSCRIBE, TRACK_SUBSCRIBED, FIRST_FRAME, STOP, CLEANED_UP */
    [RECORDING_DISCONNECTED] = {RECORDING_CONNECTING, SAME, SAME, SAME, SAME, RECORDING_STOPPING,
                                SAME},
    [RECORDING_CONNECTING] = {SAME, RECORDING_CONNECTED, SAME, SAME, SAME, RECORDING_STOPPING,
                              SAME},
    [RECORDING_CONNECTED] = {SAME, SAME, RECORDING_SUBSCRIBING, SAME, SAME, RECORDING_STOPPING,
                             SAME},
    [RECORDING_SUBSCRIBING] = {SAME, SAME, SAME, RECORDING_SUBSCRIBED, SAME, RECORDING_STOPPING,
                               SAME},
    [RECORDING_SUBSCRIBED] = {SAME, SAME, SAME, SAME, RECORDING_RECORDING, RECORDING_STOPPING,
                              SAME},
    [RECORDING_RECORDING] = {SAME, SAME, SAME, SAME, SAME, RECORDING_STOPPING, SAME},
    [RECORDING_STOPPING] = {SAME, SAME, SAME, SAME, SAME, SAME, RECORDING_STOPPED},
    [RECORDING_STOPPED] = {SAME, SAME, SAME, SAME, SAME, SAME, SAME},
};

static void test_all_pairs(void)
{
    for (int state = 0; state < RECORDING_STATE_COUNT; state++) {
        for (int event = 0; event < EVENT_COUNT; event++) {
            const RecordingState want = expected[state][event];
            const RecordingState got = states_next((RecordingState)state, (RecordingEvent)event);
            g_test_message("%s + %s", recording_state_name((RecordingState)state),
                           recording_event_name((RecordingEvent)event));
            g_assert_cmpint(got, ==, want == SAME ? state : (int)want);
        }
    }
}

static void test_names(void)
{
    static const char *const names[] = {"disconnected", "connecting", "connected", "subscribing",
                                        "subscribed",   "recording",  "stopping",  "stopped"};
    for (int state = 0; state < RECORDING_STATE_COUNT; state++)
        g_assert_cmpstr(recording_state_name((RecordingState)state), ==, names[state]);
}

void states_test_add(void)
{
    g_test_add_func("/recorder/states/all-pairs", test_all_pairs);
    g_test_add_func("/recorder/states/names", test_names);
}
