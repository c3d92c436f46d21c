#include <stdlib.h>
#include <string.h>

#include "sdp_test.h"

static const char *const candidates[] = {
    "candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host",
    "candidate:2 1 udp 2130706430 127.0.0.1 40001 typ host",
};

static const SdpAnswerOptions options = {
    .ice_ufrag = "ours",
    .ice_pwd = "secretsecretsecretsecret",
    .fingerprint_value = "11:22",
    .setup = SDP_SETUP_ACTIVE,
    .candidates = candidates,
    .candidate_count = 2,
    .session_id = 77,
    .session_version = 3,
};

#define TRANSPORT                                                                                  \
    "a=ice-ufrag:ours\r\na=ice-pwd:secretsecretsecretsecret\r\na=fingerprint:sha-256 11:22\r\n"    \
    "a=setup:active\r\n"

#define VIDEO(mid, direction)                                                                      \
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 125 126\r\nc=IN IP4 0.0.0.0\r\na=mid:" mid "\r\n" TRANSPORT \
    "a=rtcp-mux\r\na=rtcp-rsize\r\n"                                                               \
    "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"                      \
    "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"                                                \
    "a=rtpmap:125 H264/90000\r\n"                                                                  \
    "a=fmtp:125 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n"        \
    "a=rtcp-fb:125 nack\r\na=rtcp-fb:125 nack pli\r\n"                                             \
    "a=rtpmap:126 rtx/90000\r\na=fmtp:126 apt=125\r\n"                                             \
    "a=" direction "\r\n"

static const char expected[] =
    "v=0\r\no=- 77 3 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=msid-semantic:WMS *\r\n"
    "a=group:BUNDLE 0 1 2 3\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n" TRANSPORT
    "a=sctp-port:5000\r\na=max-message-size:65535\r\na=sendrecv\r\n"
    "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\r\n"
    "a=candidate:2 1 udp 2130706430 127.0.0.1 40001 typ host\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n" TRANSPORT
    "a=rtcp-mux\r\na=rtcp-rsize\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-fb:111 nack\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=recvonly\r\n" VIDEO("2", "recvonly")
        VIDEO("3", "inactive");

static char *answer_text(const char *text, const SdpAnswerOptions *how)
{
    SessionDescription *offer = parse_text(text);
    char *answer = session_description_answer(offer, how);
    session_description_free(offer);
    return answer;
}

static void test_whole(void)
{
    char *answer = answer_text(offer_text, &options);
    g_assert_cmpstr(answer, ==, expected);
    /* and it is a description that we would take ourselves */
    SessionDescription *again = parse_text(answer);
    g_assert_cmpuint(again->section_count, ==, 4);
    session_description_free(again);
    free(answer);
}

#define HEAD "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AA\r\n"

/* None of our codecs, or refused by the offer itself: the section stays, with port 0. */
static void test_rejected(void)
{
    char *answer = answer_text(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 63\r\na=mid:a\r\n"
                                    "a=rtpmap:63 red/48000/2\r\na=sendrecv\r\na=msid:s t\r\n"
                                    "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:b\r\n"
                                    "a=rtpmap:96 VP8/90000\r\na=sendrecv\r\n"
                                    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:c\r\n"
                                    "a=rtpmap:96 VP8/90000\r\na=sendonly\r\na=ssrc:5 cname:x\r\n",
                               &options);
    g_assert_nonnull(strstr(answer, "a=group:BUNDLE c\r\n"));
    g_assert_nonnull(strstr(answer, "m=audio 0 UDP/TLS/RTP/SAVPF 63\r\nc=IN IP4 0.0.0.0\r\n"
                                    "a=mid:a\r\na=inactive\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\n"
                                    "c=IN IP4 0.0.0.0\r\na=mid:b\r\na=inactive\r\nm=video 9"));
    g_assert_nonnull(strstr(answer, "a=recvonly\r\na=candidate:1"));
    free(answer);
}

/* Only data channels, as before the first track. */
static void test_data_only(void)
{
    SdpAnswerOptions how = options;
    how.candidate_count = 0;
    how.end_of_candidates = true;
    char *answer = answer_text(HEAD "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                                    "a=mid:0\r\na=sctp-port:5000\r\n",
                               &how);
    g_assert_nonnull(strstr(answer, "a=group:BUNDLE 0\r\nm=application 9 UDP/DTLS/SCTP "
                                    "webrtc-datachannel\r\n"));
    g_assert_true(g_str_has_suffix(answer, "a=sendrecv\r\na=end-of-candidates\r\n"));
    free(answer);
}

static void test_setup(void)
{
    static const struct {
        const char *offered;
        SdpSetup wanted;
        const char *answered;
    } cases[] = {
        {"actpass", SDP_SETUP_NONE, "a=setup:active\r\n"},
        {"actpass", SDP_SETUP_ACTIVE, "a=setup:active\r\n"},
        {"actpass", SDP_SETUP_PASSIVE, "a=setup:passive\r\n"},
        {"active", SDP_SETUP_ACTIVE, "a=setup:passive\r\n"},
        {"passive", SDP_SETUP_PASSIVE, "a=setup:active\r\n"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *text = g_strdup_printf("%sm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=setup:%s\r\n", HEAD,
                                     cases[i].offered);
        SdpAnswerOptions how = options;
        how.setup = cases[i].wanted;
        char *answer = answer_text(text, &how);
        g_assert_nonnull(strstr(answer, cases[i].answered));
        g_assert_nonnull(strstr(answer, "a=mid:0\r\n")); /* made up where the offer has none */
        free(answer);
        g_free(text);
    }
}

/* A stranger's text in the offer cannot add lines to the answer. */
static void test_no_injection(void)
{
    char *answer = answer_text(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:x\ra=candidate:evil\r\n"
                                    "a=mid:ok\r\n",
                               &options);
    g_assert_null(strstr(answer, "evil"));
    g_assert_nonnull(strstr(answer, "a=mid:ok\r\n"));
    free(answer);
}

void answer_test_add(void)
{
    g_test_add_func("/answer/whole", test_whole);
    g_test_add_func("/answer/rejected", test_rejected);
    g_test_add_func("/answer/data-only", test_data_only);
    g_test_add_func("/answer/setup", test_setup);
    g_test_add_func("/answer/no-injection", test_no_injection);
}
