#include <glib.h>

#include "base/clock.h"
#include "room/return_link.h"
#include "room_test.h"

static void on_rtcp(void *owner, const uint8_t *packet, size_t size)
{
    GString *said = owner;
    g_assert_cmpuint(size, ==, 8);
    g_string_append_printf(said, "%u ", packet[7]);
}

static ReturnLink *new_link(FaultScript *script, GString *said, const char *text)
{
    char error[256];
    if (text != NULL) {
        g_assert_true(fault_parse(text, &script->faults[0], error, sizeof error));
        script->count = 1;
    }
    return return_link_new(script, 1, (ReturnLinkOut){.owner = said, .rtcp = on_rtcp});
}

static void push(ReturnLink *link, uint8_t number, int64_t at_ms)
{
    const uint8_t packet[8] = {0x80, 201, 0, 1, 0, 0, 0, number};
    return_link_push(link, packet, sizeof packet, at_ms * NS_PER_MS);
}

static void test_hands_on(void)
{
    FaultScript script = {0};
    g_autoptr(GString) said = g_string_new(NULL);
    ReturnLink *const link = new_link(&script, said, NULL);
    push(link, 1, 0);
    push(link, 2, 0);
    g_assert_cmpstr(said->str, ==, "1 2 ");
    g_assert_cmpint(return_link_advance(link, 0), ==, CLOCK_NEVER);
    return_link_free(link);
}

static void test_delays(void)
{
    FaultScript script = {0};
    g_autoptr(GString) said = g_string_new(NULL);
    ReturnLink *const link = new_link(&script, said, "delay=25ms");
    push(link, 1, 0);
    push(link, 2, 10);
    g_assert_cmpint(return_link_advance(link, 24 * NS_PER_MS), ==, 25 * NS_PER_MS);
    g_assert_cmpstr(said->str, ==, "");
    g_assert_cmpint(return_link_advance(link, 25 * NS_PER_MS), ==, 35 * NS_PER_MS);
    g_assert_cmpstr(said->str, ==, "1 ");
    for (unsigned i = 0; i < 2000; i++) {
        push(link, 3, 10); /* more than it keeps */
    }
    return_link_free(link);
}

static void test_loses(void)
{
    FaultScript script = {0};
    g_autoptr(GString) said = g_string_new(NULL);
    ReturnLink *const link = new_link(&script, said, "feedback-loss=50%@1s+1s");
    push(link, 1, 0);
    for (unsigned i = 0; i < 1000; i++) {
        push(link, 2, 1500);
    }
    push(link, 3, 2000);
    const size_t came = said->len / 2 - 2;
    g_assert_cmpuint(came, >, 400);
    g_assert_cmpuint(came, <, 600);
    g_assert_true(g_str_has_prefix(said->str, "1 ") && g_str_has_suffix(said->str, "3 "));
    return_link_free(link);
}

void return_link_test_add(void)
{
    g_test_add_func("/room/return-link/hands-on", test_hands_on);
    g_test_add_func("/room/return-link/delays", test_delays);
    g_test_add_func("/room/return-link/loses", test_loses);
}
