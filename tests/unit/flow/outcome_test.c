#include <glib.h>
#include <string.h>

#include "flow/outcome.h"
#include "flow_test.h"

static const struct {
    OutcomeCode code;
    const char *name;
    int http_status;
} rows[] = {
    {CODE_NONE, "", 200},
    {CODE_BAD_REQUEST, "bad_request", 400},
    {CODE_CODEC_UNSUPPORTED, "codec_unsupported", 400},
    {CODE_UNAUTHORIZED, "unauthorized", 401},
    {CODE_TOKEN_EXPIRED, "token_expired", 401},
    {CODE_NOT_FOUND, "not_found", 404},
    {CODE_NO_SUCH_ROOM, "no_such_room", 404},
    {CODE_ALREADY_ACTIVE, "already_active", 409},
    {CODE_OUTPUT_EXISTS, "output_exists", 409},
    {CODE_DUPLICATE_IDENTITY, "duplicate_identity", 503},
    {CODE_SERVER_UNREACHABLE, "server_unreachable", 503},
    {CODE_SERVER_FULL, "server_full", 503},
    {CODE_TLS_ERROR, "tls_error", 503},
    {CODE_ICE_FAILED, "ice_failed", 503},
    {CODE_DTLS_FAILED, "dtls_failed", 503},
    {CODE_NO_PARTICIPANT, "no_participant", 503},
    {CODE_NO_TRACK_PUBLISHED, "no_track_published", 503},
    {CODE_SUBSCRIPTION_DENIED, "subscription_denied", 503},
    {CODE_SUBSCRIPTION_TIMEOUT, "subscription_timeout", 503},
    {CODE_ENCRYPTED_NO_KEY, "encrypted_no_key", 503},
    {CODE_NO_RTP, "no_rtp", 503},
    {CODE_RTP_BUT_NO_KEYFRAME, "rtp_but_no_keyframe", 503},
    {CODE_MUTED_ALL_TIME, "muted_all_time", 503},
    {CODE_STALLED, "stalled", 503},
    {CODE_RECONNECT_FAILED, "reconnect_failed", 503},
    {CODE_ENCODER_FAILED, "encoder_failed", 503},
    {CODE_ENCODER_BEHIND, "encoder_behind", 503},
    {CODE_DISK_FULL, "disk_full", 503},
    {CODE_WRITE_FAILED, "write_failed", 503},
    {CODE_UPLOAD_FAILED, "upload_failed", 503},
    {CODE_REMOVED_FROM_ROOM, "removed_from_room", 503},
    {CODE_CANCELLED, "cancelled", 503},
    {CODE_NO_CAPACITY, "no_capacity", 503},
    {CODE_INTERRUPTED, "interrupted", 503},
    {CODE_WRONG_STATE, "wrong_state", 409},
    {CODE_FORBIDDEN, "forbidden", 403},
    {CODE_TOO_MANY_REQUESTS, "too_many_requests", 429},
};

static void test_all_codes(void)
{
    g_assert_cmpint(G_N_ELEMENTS(rows), ==, CODE_COUNT);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpint(rows[i].code, ==, i);
        g_assert_cmpstr(outcome_code_name(rows[i].code), ==, rows[i].name);
        g_assert_cmpint(outcome_code_http_status(rows[i].code), ==, rows[i].http_status);
        g_assert_cmpint(outcome_code_from_name(rows[i].name), ==, rows[i].code);
        g_assert_cmpint(outcome_code_exit_status(rows[i].code), ==, i == 0 ? 0 : 10 + (int)i);
        g_assert_cmpint(outcome_code_exit_status(rows[i].code), <, 126);
    }
    g_assert_cmpint(outcome_code_from_name("No_RTP"), ==, CODE_NONE);
    g_assert_cmpint(outcome_code_from_name("x"), ==, CODE_NONE);
    g_assert_cmpint(outcome_code_from_name(NULL), ==, CODE_NONE);
}

static void test_kinds_and_end_reasons(void)
{
    static const char *const kinds[] = {"", "complete", "partial", "failed"};
    static const char *const ends[END_COUNT] = {"",     "stopped", "duration", "room_closed",
                                                "idle", "removed", "max_size"};
    for (OutcomeKind kind = OUTCOME_NONE; kind <= OUTCOME_FAILED; kind++)
        g_assert_cmpstr(outcome_kind_name(kind), ==, kinds[kind]);
    for (EndReason end = END_NONE; end < END_COUNT; end++)
        g_assert_cmpstr(end_reason_name(end), ==, ends[end]);
}

static void test_set(void)
{
    Outcome outcome = {.kind = OUTCOME_NONE};
    outcome_set(&outcome, OUTCOME_FAILED, CODE_NO_RTP, "No packet came in %d s.", 5);
    g_assert_cmpint(outcome.kind, ==, OUTCOME_FAILED);
    g_assert_cmpint(outcome.code, ==, CODE_NO_RTP);
    g_assert_cmpstr(outcome.sentence, ==, "No packet came in 5 s.");
    outcome_set(&outcome, OUTCOME_PARTIAL, CODE_STALLED, "Before: %s", outcome.sentence);
    g_assert_cmpstr(outcome.sentence, ==, "Before: No packet came in 5 s.");
}

static void test_long_sentences_are_cut_at_a_character(void)
{
    for (unsigned shift = 0; shift < 4; shift++) {
        g_autoptr(GString) text = g_string_new(NULL);
        for (unsigned i = 0; i < shift; i++)
            g_string_append_c(text, 'x');
        while (text->len < 2000)
            g_string_append(text, "\xf0\x9f\x98\x80");
        Outcome outcome;
        outcome_set(&outcome, OUTCOME_FAILED, CODE_CANCELLED, "%s", text->str);
        g_assert_true(g_utf8_validate(outcome.sentence, -1, NULL));
        g_assert_cmpuint(strlen(outcome.sentence), >, OUTCOME_SENTENCE_MAX - 5);
        g_assert_cmpuint(strlen(outcome.sentence), <, OUTCOME_SENTENCE_MAX);
    }
}

static void test_strangers_text_that_was_cut(void)
{
    Outcome outcome;
    outcome_set(&outcome, OUTCOME_FAILED, CODE_BAD_REQUEST, "It cannot be \"%.2s\".\n",
                "\xe2\x82\xac");
    g_assert_cmpstr(outcome.sentence, ==, "It cannot be \"??\".?");
}

void outcome_test_add(void)
{
    g_test_add_func("/outcome/cut-text", test_strangers_text_that_was_cut);
    g_test_add_func("/outcome/all-codes", test_all_codes);
    g_test_add_func("/outcome/kinds-and-end-reasons", test_kinds_and_end_reasons);
    g_test_add_func("/outcome/set", test_set);
    g_test_add_func("/outcome/long-sentences", test_long_sentences_are_cut_at_a_character);
}
