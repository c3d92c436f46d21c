#include <string.h>

#include "signal/messages.h"
#include "signal/requests.h"
#include "signal_test.h"

static void test_reason_names(void)
{
    g_assert_cmpstr(disconnect_reason_name(5), ==, "ROOM_DELETED");
    g_assert_cmpstr(disconnect_reason_name(2), ==, "DUPLICATE_IDENTITY");
    g_assert_cmpstr(disconnect_reason_name(0), ==, "UNKNOWN");
    g_assert_cmpstr(disconnect_reason_name(9999), ==, "UNKNOWN");
    g_assert_cmpstr(disconnect_reason_name(-1), ==, "UNKNOWN");
}

static void test_text(void)
{
    g_autofree char *whole = message_text("abc", 3);
    g_autofree char *cut = message_text("ab\303\274x", 3);
    g_autofree char *invalid = message_text("a\xff", 10);
    g_autofree char *none = message_text(NULL, 10);
    g_assert_cmpstr(whole, ==, "abc");
    g_assert_cmpstr(cut, ==, "ab");
    g_assert_cmpstr(invalid, ==, "a\357\277\275");
    g_assert_cmpstr(none, ==, "");
}

static void test_sid(void)
{
    g_assert_true(message_sid_is_valid("TR_abc123"));
    g_assert_false(message_sid_is_valid(""));
    g_assert_false(message_sid_is_valid(NULL));
    g_assert_false(message_sid_is_valid("TR a"));
    g_assert_false(message_sid_is_valid("TR_\n"));
    g_autofree char *longest = g_strnfill(63, 'x');
    g_autofree char *too_long = g_strnfill(64, 'x');
    g_assert_true(message_sid_is_valid(longest));
    g_assert_false(message_sid_is_valid(too_long));
}

static void test_candidate(void)
{
    g_autofree char *json = candidate_init_format("candidate:1 1 udp 1 127.0.0.1 9 typ host");
    g_autofree char *line = candidate_init_parse(json);
    g_assert_cmpstr(line, ==, "candidate:1 1 udp 1 127.0.0.1 9 typ host");
    static const char *const bad[] = {
        "", "[]", "{}", "{\"candidate\":1}", "{\"candidate\":{}}", "{\"candidate\"", "\xff",
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_null(candidate_init_parse(bad[i]));
    g_autofree char *deep = g_strnfill(5000, '[');
    g_assert_null(candidate_init_parse(deep));
}

static void test_malformed(void)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"\x0a", 1},     /* a field without its length */
        {"\x0a\x7f", 2}, /* longer than the message */
        {"\x0a\xff\xff\xff\xff\x0f", 6},
        {"\xff\xff\xff\xff\xff\xff", 6},
        {"hello, this is text", 19},
        {"\x0b\x0b\x0b", 3}, /* groups */
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_null(signal_response_parse(cases[i].bytes, cases[i].size));
    /* every beginning of a good message */
    Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    offer.type = (char *)"offer";
    offer.sdp = (char *)"v=0";
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER;
    response.offer = &offer;
    g_autoptr(GBytes) bytes = signal_response_format(&response);
    const uint8_t *data = g_bytes_get_data(bytes, NULL);
    for (size_t size = 1; size < g_bytes_get_size(bytes); size++)
        g_assert_null(signal_response_parse(data, size));
    g_autoptr(Livekit__SignalResponse) whole = signal_response_parse(data, g_bytes_get_size(bytes));
    g_assert_cmpstr(whole->offer->sdp, ==, "v=0");
}

static void test_unknown_is_skipped(void)
{
    /* field 31, which is not ours */
    g_autoptr(Livekit__SignalResponse) response = signal_response_parse("\xfa\x01\x01z", 4);
    g_assert_nonnull(response);
    g_assert_cmpint(response->message_case, ==, LIVEKIT__SIGNAL_RESPONSE__MESSAGE__NOT_SET);
}

static void test_memory_is_bounded(void)
{
    /* an update of empty participants: two bytes each, a structure of over a hundred each */
    const size_t count = 500000;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_byte_array_append(bytes, (const guint8 *)"\x2a\xc0\x84\x3d", 4);
    for (size_t i = 0; i < count; i++)
        g_byte_array_append(bytes, (const guint8 *)"\x0a\x00", 2);
    g_assert_null(signal_response_parse(bytes->data, bytes->len));
    /* ten of them are fine */
    g_byte_array_set_size(bytes, 0);
    g_byte_array_append(bytes, (const guint8 *)"\x2a\x14", 2);
    for (size_t i = 0; i < 10; i++)
        g_byte_array_append(bytes, (const guint8 *)"\x0a\x00", 2);
    g_autoptr(Livekit__SignalResponse) few = signal_response_parse(bytes->data, bytes->len);
    g_assert_nonnull(few);
    g_assert_cmpuint(few->update->n_participants, ==, 10);
}

static void test_requests(void)
{
    g_autoptr(GBytes) best = request_track_settings("TR_1", false, 0, 0);
    g_autoptr(Livekit__SignalRequest) request =
        signal_request_parse(g_bytes_get_data(best, NULL), g_bytes_get_size(best));
    g_assert_cmpint(request->message_case, ==, LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING);
    g_assert_cmpint(request->track_setting->quality, ==, LIVEKIT__VIDEO_QUALITY__HIGH);

    g_autoptr(GBytes) leave = request_leave();
    g_autoptr(Livekit__SignalRequest) goodbye =
        signal_request_parse(g_bytes_get_data(leave, NULL), g_bytes_get_size(leave));
    g_assert_cmpint(goodbye->leave->reason, ==, LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED);
}

void messages_test_add(void)
{
    g_test_add_func("/messages/reason_names", test_reason_names);
    g_test_add_func("/messages/text", test_text);
    g_test_add_func("/messages/sid", test_sid);
    g_test_add_func("/messages/candidate", test_candidate);
    g_test_add_func("/messages/malformed", test_malformed);
    g_test_add_func("/messages/unknown_is_skipped", test_unknown_is_skipped);
    g_test_add_func("/messages/memory_is_bounded", test_memory_is_bounded);
    g_test_add_func("/messages/requests", test_requests);
}
