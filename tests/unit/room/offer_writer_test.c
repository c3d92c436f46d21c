#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "room/offer_writer.h"
#include "room_test.h"
#include "sdp/session_description.h"

static const char *const CANDIDATES[] = {"candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host",
                                         NULL};
static const OfferSection SECTIONS[] = {
    {OFFER_AUDIO, "PA_a|TR_b", "TR_b", 111111, 0},
    {OFFER_VIDEO, "PA_a|TR_c", "TR_c", 222222, 333333},
    {OFFER_DATA, NULL, NULL, 0, 0},
    {OFFER_VIDEO, NULL, NULL, 0, 0},
};

static Offer make_offer(const bool *payloads)
{
    return (Offer){
        .ice_ufrag = "ufrag",
        .ice_pwd = "a-password-of-some-length",
        .fingerprint = "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:"
                       "33:44:55:66:77:88:99",
        .candidates = CANDIDATES,
        .session_id = 42,
        .session_version = 3,
        .sections = SECTIONS,
        .section_count = G_N_ELEMENTS(SECTIONS),
        .payloads = payloads,
    };
}

static SessionDescription *write_and_parse(const bool *payloads)
{
    const Offer offer = make_offer(payloads);
    g_autofree char *text = offer_write(&offer);
    const char *problem = NULL;
    SessionDescription *const parsed = session_description_parse(text, strlen(text), &problem);
    if (parsed == NULL) {
        g_error("%s in\n%s", problem, text);
    }
    return parsed;
}

static void test_layout(void)
{
    bool payloads[OFFER_PAYLOADS];
    memset(payloads, true, sizeof payloads);
    SessionDescription *const parsed = write_and_parse(payloads);
    g_assert_cmpuint(parsed->section_count, ==, 4);
    g_assert_cmpstr(parsed->ice_ufrag, ==, "ufrag");
    g_assert_cmpstr(parsed->fingerprint_hash, ==, "sha-256");
    g_assert_cmpint(parsed->setup, ==, SDP_SETUP_ACTPASS);
    g_assert_cmpuint(parsed->candidate_count, ==, 1);
    g_assert_false(parsed->ice_lite);
    const SdpSection *const audio = &parsed->sections[0];
    g_assert_cmpint(audio->media, ==, SDP_AUDIO);
    g_assert_cmpstr(audio->mid, ==, "0");
    g_assert_cmpuint(audio->ssrc, ==, 111111);
    g_assert_cmpuint(audio->rtx_ssrc, ==, 0);
    g_assert_cmpuint(audio->payload_count, ==, 4);
    const SdpSection *const video = &parsed->sections[1];
    g_assert_cmpint(video->direction, ==, SDP_SENDRECV);
    g_assert_cmpuint(video->ssrc, ==, 222222);
    g_assert_cmpuint(video->rtx_ssrc, ==, 333333);
    g_assert_cmpstr(video->stream_id, ==, "PA_a|TR_c");
    g_assert_cmpstr(video->track_id, ==, "TR_c");
    g_assert_cmpuint(video->payload_count, ==, 22);
    g_assert_true(video->payloads[0].nack);
    g_assert_true(video->payloads[0].nack_pli);
    g_assert_true(video->payloads[1].is_rtx);
    g_assert_cmpuint(video->payloads[1].apt, ==, video->payloads[0].payload_type);
    g_assert_cmpint(parsed->sections[2].media, ==, SDP_APPLICATION);
    g_assert_cmpuint(parsed->sections[2].sctp_port, ==, 5000);
    g_assert_cmpint(parsed->sections[3].direction, ==, SDP_RECVONLY);
    g_assert_null(parsed->sections[3].track_id);
    g_assert_cmpuint(parsed->sections[3].ssrc, ==, 0);
    session_description_free(parsed);
}

/* The answer of the recorder's own writer is understood by the room. */
static void test_answer_fixes_the_codecs(void)
{
    bool payloads[OFFER_PAYLOADS];
    memset(payloads, true, sizeof payloads);
    SessionDescription *const offer = write_and_parse(payloads);
    const SdpAnswerOptions options = {
        .ice_ufrag = "other",
        .ice_pwd = "another-password-of-some-length",
        .fingerprint_value = offer->fingerprint_value,
        .setup = SDP_SETUP_ACTIVE,
        .session_id = 1,
        .session_version = 1,
    };
    char *const text = session_description_answer(offer, &options);
    SessionDescription *const answer = session_description_parse(text, strlen(text), NULL);
    g_assert_nonnull(answer);
    g_assert_cmpuint(answer->section_count, ==, 4);
    g_assert_cmpint(answer->sections[3].direction, ==, SDP_INACTIVE);
    g_assert_cmpint(answer->setup, ==, SDP_SETUP_ACTIVE);
    session_description_free(answer);
    session_description_free(offer);
    free(text);
}

static void test_payload_choice(void)
{
    bool accepted[OFFER_PAYLOADS];
    memset(accepted, true, sizeof accepted);
    RtpSenderPayload video[CODEC_COUNT] = {0};
    offer_choose_payloads(accepted, TRACK_VIDEO, video);
    g_assert_cmpuint(video[CODEC_H264].payload_type, ==, 108);
    g_assert_cmpuint(video[CODEC_H264].rtx_payload_type, ==, 109);
    g_assert_cmpuint(video[CODEC_VP8].payload_type, ==, 96);
    g_assert_cmpuint(video[CODEC_VP9].payload_type, ==, 98);
    g_assert_cmpuint(video[CODEC_OPUS].payload_type, ==, 0);
    for (unsigned i = 0; i < OFFER_PAYLOADS; i++) {
        accepted[i] = offer_payloads()[i].payload_type == 104;
    }
    RtpSenderPayload one[CODEC_COUNT] = {0};
    offer_choose_payloads(accepted, TRACK_VIDEO, one);
    g_assert_cmpuint(one[CODEC_H264].payload_type, ==, 104);
    g_assert_cmpuint(one[CODEC_VP8].payload_type, ==, 0);
}

static void test_later_offers_hold_only_what_was_accepted(void)
{
    bool payloads[OFFER_PAYLOADS] = {0};
    payloads[0] = true; /* opus */
    payloads[4] = true; /* VP8 */
    SessionDescription *const parsed = write_and_parse(payloads);
    g_assert_cmpuint(parsed->sections[0].payload_count, ==, 1);
    g_assert_cmpuint(parsed->sections[1].payload_count, ==, 2);
    g_assert_cmpint(parsed->sections[1].payloads[0].codec, ==, CODEC_VP8);
    session_description_free(parsed);
}

void offer_writer_test_add(void)
{
    g_test_add_func("/room/offer/layout", test_layout);
    g_test_add_func("/room/offer/answer", test_answer_fixes_the_codecs);
    g_test_add_func("/room/offer/payload-choice", test_payload_choice);
    g_test_add_func("/room/offer/later-offers", test_later_offers_hold_only_what_was_accepted);
}
