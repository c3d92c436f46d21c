#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "room/fault_script.h"
#include "room_test.h"

static Fault parse(const char *text)
{
    Fault fault = {0};
    char error[256] = "";
    g_assert_true(fault_parse(text, &fault, error, sizeof error));
    return fault;
}

static void test_values(void)
{
    g_assert_cmpfloat(parse("loss=5%").percent, ==, 5.0);
    g_assert_cmpfloat(parse("duplicate=0.5%").percent, ==, 0.5);
    g_assert_cmpuint(parse("burst=20").count, ==, 20);
    g_assert_cmpint(parse("reorder=50ms").time_ns, ==, 50 * NS_PER_MS);
    g_assert_cmpint(parse("jitter=0.25").time_ns, ==, 250 * NS_PER_MS);
    g_assert_cmpint(parse("timestamp-jump=-300ms").time_ns, ==, -300 * NS_PER_MS);
    g_assert_cmpint(parse("timestamp-jump=1").time_ns, ==, NS_PER_SECOND);
    g_assert_cmpint(parse("codec-change=vp8").codec, ==, CODEC_VP8);
    g_assert_cmpuint(parse("resize=320x180").width, ==, 320);
    g_assert_cmpuint(parse("resize=320x180").height, ==, 180);
    const Fault leave = parse("leave-message=disconnect,room_deleted@3s");
    g_assert_cmpint(leave.leave_action, ==, 0);
    g_assert_cmpint(leave.leave_reason, ==, 5);
    g_assert_cmpint(leave.start_ns, ==, 3 * NS_PER_SECOND);
}

static void test_times_and_targets(void)
{
    const Fault plain = parse("stall");
    g_assert_cmpint(plain.start_ns, ==, 0);
    g_assert_cmpint(plain.end_ns, ==, CLOCK_NEVER);
    g_assert_true(fault_targets(&plain, "alice", TRACK_VIDEO));
    const Fault window = parse("loss=1%@2s+3s");
    g_assert_false(fault_is_active(&window, 2 * NS_PER_SECOND - 1));
    g_assert_true(fault_is_active(&window, 2 * NS_PER_SECOND));
    g_assert_true(fault_is_active(&window, 5 * NS_PER_SECOND - 1));
    g_assert_false(fault_is_active(&window, 5 * NS_PER_SECOND));
    const Fault video = parse("stall:video@1s");
    g_assert_true(fault_targets(&video, "bob", TRACK_VIDEO));
    g_assert_false(fault_targets(&video, "bob", TRACK_AUDIO));
    const Fault alice = parse("mute:alice/audio@500ms+1.5s");
    g_assert_true(fault_targets(&alice, "alice", TRACK_AUDIO));
    g_assert_false(fault_targets(&alice, "alice", TRACK_VIDEO));
    g_assert_false(fault_targets(&alice, "bob", TRACK_AUDIO));
    g_assert_false(fault_targets(&alice, NULL, TRACK_AUDIO));
    g_assert_cmpint(alice.end_ns, ==, 2 * NS_PER_SECOND);
    const Fault person = parse("leave:bob@1s+1s");
    g_assert_true(fault_targets(&person, "bob", TRACK_AUDIO));
}

static void test_bad_texts(void)
{
    static const char *const BAD[] = {
        "",
        "los=5%",
        "loss",
        "loss=5",
        "loss=101%",
        "loss=-1%",
        "loss=nan%",
        "stall=1",
        "burst=-3",
        "burst=x",
        "burst=1e9",
        "reorder=50us",
        "mute@x",
        "mute@1s+",
        "mute@1s+x",
        "mute:",
        "mute:a/picture",
        "resize=1x1",
        "resize=321x180",
        "codec-change=opus",
        "leave-message=disconnect",
        "leave-message=stay,room_deleted",
        "mute@inf",
        "mute@-1s",
        "mute@1e30s",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(BAD); i++) {
        Fault fault = {.count = 7};
        char error[256] = "";
        g_assert_false(fault_parse(BAD[i], &fault, error, sizeof error));
        g_assert_nonnull(strstr(error, "not understood"));
        g_assert_cmpuint(fault.count, ==, 7);
    }
    char long_text[1000];
    memset(long_text, 'a', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    Fault fault = {0};
    char error[64] = "";
    g_assert_false(fault_parse(long_text, &fault, error, sizeof error));
}

static void test_catalog_is_complete(void)
{
    for (int i = 0; i < FAULT_COUNT; i++) {
        const FaultCatalogEntry *const entry = &fault_catalog()[i];
        g_autofree char *text =
            g_strconcat(entry->name, fault_value_example(entry->value), "@1s+1s", NULL);
        g_assert_nonnull(entry->help);
        g_assert_cmpint(parse(text).kind, ==, i);
    }
}

void fault_script_test_add(void)
{
    g_test_add_func("/room/fault-script/values", test_values);
    g_test_add_func("/room/fault-script/times-and-targets", test_times_and_targets);
    g_test_add_func("/room/fault-script/bad-texts", test_bad_texts);
    g_test_add_func("/room/fault-script/catalog-is-complete", test_catalog_is_complete);
}
