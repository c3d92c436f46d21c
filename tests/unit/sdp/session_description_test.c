#include <string.h>

#include "sdp/lines.h"
#include "sdp_test.h"

#define BASE                                                                                       \
    "v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AA:BB\r\n"                       \
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"

static void test_offer(void)
{
    SessionDescription *offer = parse_text(offer_text);
    g_assert_cmpuint(offer->section_count, ==, 4);
    g_assert_cmpstr(offer->ice_ufrag, ==, "kVfXwPoRtYbNmQaS");
    g_assert_cmpstr(offer->ice_pwd, ==, "aZsXdCfVgBhNjMkLqWeRtYuIoPaSdFgH");
    g_assert_cmpstr(offer->fingerprint_hash, ==, "sha-256");
    g_assert_true(g_str_has_prefix(offer->fingerprint_value, "AA:BB:CC:DD:00:11"));
    g_assert_cmpint(offer->setup, ==, SDP_SETUP_ACTPASS);
    g_assert_cmpuint(offer->candidate_count, ==, 2);
    g_assert_cmpstr(offer->candidates[0], ==,
                    "candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host");
    g_assert_true(offer->has_tcp_candidate);
    g_assert_false(offer->ice_lite);

    const SdpSection *data = &offer->sections[0];
    g_assert_cmpint(data->media, ==, SDP_APPLICATION);
    g_assert_cmpstr(data->protocol, ==, "UDP/DTLS/SCTP");
    g_assert_cmpuint(data->sctp_port, ==, 5000);
    session_description_free(offer);
}

static void test_offered_audio(void)
{
    SessionDescription *offer = parse_text(offer_text);
    const SdpSection *audio = &offer->sections[1];
    g_assert_cmpint(audio->media, ==, SDP_AUDIO);
    g_assert_cmpstr(audio->mid, ==, "1");
    g_assert_cmpuint(audio->payload_count, ==, 4);
    g_assert_cmpint(audio->payloads[0].codec, ==, CODEC_OPUS);
    g_assert_cmpstr(audio->payloads[0].fmtp, ==, "minptime=10;useinbandfec=1");
    g_assert_true(audio->payloads[0].nack);
    g_assert_false(audio->payloads[0].nack_pli);
    g_assert_cmpint(audio->payloads[1].codec, ==, CODEC_UNKNOWN);
    g_assert_cmpint(audio->payloads[2].codec, ==, CODEC_PCMU); /* static, without rtpmap */
    g_assert_cmpint(audio->payloads[3].codec, ==, CODEC_PCMA);
    g_assert_cmpuint(audio->ssrc, ==, 1111);
    g_assert_cmpuint(audio->rtx_ssrc, ==, 0);
    g_assert_cmpstr(audio->stream_id, ==, "PA_abc|TR_audio");
    g_assert_cmpstr(audio->track_id, ==, "TR_audio");
    session_description_free(offer);
}

static void test_offered_video(void)
{
    SessionDescription *offer = parse_text(offer_text);
    const SdpSection *video = &offer->sections[2];
    g_assert_cmpuint(video->payload_count, ==, 6);
    g_assert_cmpint(video->payloads[0].codec, ==, CODEC_VP8);
    g_assert_true(video->payloads[0].nack);
    g_assert_true(video->payloads[0].nack_pli);
    g_assert_true(video->payloads[0].ccm_fir);
    g_assert_true(video->payloads[1].is_rtx);
    g_assert_cmpuint(video->payloads[1].apt, ==, 96);
    g_assert_cmpint(video->payloads[2].codec, ==, CODEC_H264);
    g_assert_cmpuint(video->ssrc, ==, 2222);
    g_assert_cmpuint(video->rtx_ssrc, ==, 3333);
    g_assert_cmpint(video->direction, ==, SDP_SENDRECV);
    const SdpSection *empty = &offer->sections[3];
    g_assert_cmpint(empty->direction, ==, SDP_RECVONLY);
    g_assert_cmpstr(empty->track_id, ==, NULL);
    g_assert_cmpuint(empty->ssrc, ==, 0);
    session_description_free(offer);
}

/* The same text with bare line feeds, and without the last one. */
static void test_line_endings(void)
{
    GString *text = g_string_new(offer_text);
    g_string_replace(text, "\r\n", "\n", 0);
    g_string_truncate(text, text->len - 1);
    SessionDescription *offer = parse_text(text->str);
    g_assert_cmpuint(offer->section_count, ==, 4);
    g_assert_cmpint(offer->sections[3].direction, ==, SDP_RECVONLY);
    session_description_free(offer);
    g_string_free(text, TRUE);
}

static const struct {
    const char *text;
    const char *sentence_part;
} refused[] = {
    {"", "no media section"},
    {"\r\n\n\n", "no media section"},
    {"v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AA\r\n", "no media section"},
    {"m=video 9 RTP 96\r\na=ice-ufrag:u\r\na=fingerprint:sha-256 AA\r\n", "no ICE credentials"},
    {"m=video 9 RTP 96\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n", "no DTLS fingerprint"},
    {"m=video 9 RTP 96\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256\r\n",
     "no DTLS fingerprint"},
    {"m=video\r\n", "media line"},
    {"m=\r\n", "media line"},
    {BASE "m=audio 9 UDP\rX 0\r\n", "media line that cannot be read"},
};

static void test_refused(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
        const char *error = NULL;
        g_assert_null(session_description_parse(refused[i].text, strlen(refused[i].text), &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error, refused[i].sentence_part));
        g_assert_null(session_description_parse(refused[i].text, strlen(refused[i].text), NULL));
    }
}

/* Lines that are cut, absurd or of other sections: passed over, and the rest still counts. */
static void test_odd_lines(void)
{
    static const char *const lines[] = {"a=rtpmap:96",
                                        "a=rtpmap:",
                                        "a=rtpmap:999 VP8/90000",
                                        "a=rtpmap:-1 VP8/90000",
                                        "a=rtpmap:4294967392 VP8/90000",
                                        "a=rtpmap:97 VP8/90000",
                                        "a=fmtp:96",
                                        "a=fmtp: apt=1",
                                        "a=rtcp-fb:",
                                        "a=rtcp-fb:97 nack",
                                        "a=rtcp-fb:x nack",
                                        "a=ssrc:",
                                        "a=ssrc:0 cname:x",
                                        "a=ssrc:4294967296 cname:x",
                                        "a=ssrc:99999999999999999999999999999 cname:x",
                                        "a=ssrc-group:FID",
                                        "a=ssrc-group:FID 1",
                                        "a=ssrc-group:FID 1 1",
                                        "a=ssrc-group:FID x y",
                                        "a=ssrc-group:SIM 1 2",
                                        "a=msid:",
                                        "a=msid:only-stream",
                                        "a=setup:",
                                        "a=setup:holdconn",
                                        "a=fingerprint:",
                                        "a=candidate:",
                                        "a=sctp-port:70000",
                                        "a=sctp-port:",
                                        "a=mid:",
                                        "a=",
                                        "a",
                                        "=",
                                        "b=AS:100",
                                        "x",
                                        "a=ice-ufrag:",
                                        "\001\002\003",
                                        "a=sendrecv "};
    for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
        char *text =
            g_strdup_printf("%s%s\r\na=rtpmap:96 VP8/90000\r\na=sendonly\r\n", BASE, lines[i]);
        SessionDescription *offer = parse_text(text);
        g_test_message("%s", lines[i]);
        g_assert_cmpuint(offer->section_count, ==, 1);
        g_assert_cmpint(offer->sections[0].payloads[0].codec, ==, CODEC_VP8);
        g_assert_false(offer->sections[0].payloads[0].nack);
        g_assert_cmpint(offer->sections[0].direction, ==, SDP_SENDONLY);
        g_assert_cmpuint(offer->sections[0].ssrc, ==, 0);
        g_assert_cmpstr(offer->sections[0].track_id, ==, NULL);
        g_assert_cmpuint(offer->candidate_count, ==, 0);
        session_description_free(offer);
        g_free(text);
    }
}

/* Every prefix of the real offer, at its exact size. */
static void test_prefixes(void)
{
    for (size_t size = 0; size < strlen(offer_text); size++) {
        char *text = g_memdup2(offer_text, size);
        session_description_free(session_description_parse(text, size, NULL));
        g_free(text);
    }
}

static void test_nul_bytes(void)
{
    static const char text[] = BASE "a=rtpmap:96 VP8\0/90000\r\na=rtpmap:96 VP9/90000\r\n";
    const char *error = NULL;
    SessionDescription *offer = session_description_parse(text, sizeof text - 1, &error);
    g_assert_nonnull(offer);
    g_assert_cmpint(offer->sections[0].payloads[0].codec, ==, CODEC_VP9);
    session_description_free(offer);
}

static void test_long_lines(void)
{
    GString *text = g_string_new(BASE "a=mid-of-nothing:");
    for (unsigned i = 0; i < SDP_MAX_SIZE - 300; i++)
        g_string_append_c(text, 'x');
    g_string_append(text, "\r\na=rtpmap:96 VP8/90000\r\n");
    SessionDescription *offer = parse_text(text->str);
    g_assert_cmpint(offer->sections[0].payloads[0].codec, ==, CODEC_VP8);
    session_description_free(offer);
    for (unsigned i = 0; i < 300; i++)
        g_string_append_c(text, 'x');
    const char *error = NULL;
    g_assert_null(session_description_parse(text->str, text->len, &error));
    g_assert_nonnull(strstr(error, "4 MiB"));
    g_string_free(text, TRUE);
}

static void test_long_tokens(void)
{
    GString *text = g_string_new(BASE "a=msid:s ");
    for (unsigned i = 0; i <= SDP_TOKEN_MAX; i++)
        g_string_append_c(text, 't');
    g_string_append(text, "\r\n");
    SessionDescription *offer = parse_text(text->str);
    g_assert_cmpstr(offer->sections[0].track_id, ==, NULL);
    session_description_free(offer);
    g_string_append(text, "m=audio 9 UDP/TLS/RTP/SAVPF");
    for (unsigned i = 0; i < SDP_LINE_MAX; i++)
        g_string_append(text, " 0");
    const char *error = NULL;
    g_assert_null(session_description_parse(text->str, text->len, &error));
    g_assert_nonnull(strstr(error, "cannot be read"));
    g_string_free(text, TRUE);
}

static void test_many_sections(void)
{
    GString *text = g_string_new("a=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AA\r\n");
    for (unsigned i = 0; i < SDP_MAX_SECTIONS; i++)
        g_string_append_printf(text, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:%u\r\n", i);
    SessionDescription *offer = parse_text(text->str);
    g_assert_cmpuint(offer->section_count, ==, SDP_MAX_SECTIONS);
    g_assert_cmpstr(offer->sections[1023].mid, ==, "1023");
    session_description_free(offer);
    for (unsigned i = SDP_MAX_SECTIONS; i < 10000; i++)
        g_string_append_printf(text, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:%u\r\n", i);
    const char *error = NULL;
    g_assert_null(session_description_parse(text->str, text->len, &error));
    g_assert_nonnull(strstr(error, "too many"));
    g_string_free(text, TRUE);
}

static void test_many_entries(void)
{
    GString *text = g_string_new(
        "a=ice-ufrag:u\na=ice-pwd:p\na=fingerprint:sha-256 AA\nm=video 9 UDP/TLS/RTP/SAVPF");
    for (unsigned i = 0; i < 1000; i++)
        g_string_append_printf(text, " %u", i % 200);
    for (unsigned i = 0; i < 3000; i++)
        g_string_append_printf(text, "\na=candidate:%u 1 udp 1 127.0.0.1 1 typ host", i);
    SessionDescription *offer = parse_text(text->str);
    g_assert_cmpuint(offer->sections[0].payload_count, ==, SDP_MAX_PAYLOADS);
    g_assert_cmpuint(offer->candidate_count, ==, SDP_MAX_CANDIDATES);
    session_description_free(offer);
    g_string_free(text, TRUE);
}

void session_description_test_add(void)
{
    g_test_add_func("/description/offer", test_offer);
    g_test_add_func("/description/offered-audio", test_offered_audio);
    g_test_add_func("/description/offered-video", test_offered_video);
    g_test_add_func("/description/line-endings", test_line_endings);
    g_test_add_func("/description/refused", test_refused);
    g_test_add_func("/description/odd-lines", test_odd_lines);
    g_test_add_func("/description/prefixes", test_prefixes);
    g_test_add_func("/description/nul-bytes", test_nul_bytes);
    g_test_add_func("/description/long-lines", test_long_lines);
    g_test_add_func("/description/long-tokens", test_long_tokens);
    g_test_add_func("/description/many-sections", test_many_sections);
    g_test_add_func("/description/many-entries", test_many_entries);
}
