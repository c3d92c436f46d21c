#include "sdp_test.h"

#include <string.h>

#define SECTION                                                                                    \
    "c=IN IP4 0.0.0.0\r\na=setup:actpass\r\n"                                                      \
    "a=ice-ufrag:kVfXwPoRtYbNmQaS\r\na=ice-pwd:aZsXdCfVgBhNjMkLqWeRtYuIoPaSdFgH\r\n"               \
    "a=rtcp-mux\r\na=rtcp-rsize\r\n"

#define VIDEO_CODECS                                                                               \
    "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb \r\na=rtcp-fb:96 ccm fir\r\n"                 \
    "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"                                               \
    "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"                                                \
    "a=rtpmap:125 H264/90000\r\n"                                                                  \
    "a=fmtp:125 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n"        \
    "a=rtcp-fb:125 nack\r\na=rtcp-fb:125 nack pli\r\n"                                             \
    "a=rtpmap:126 rtx/90000\r\na=fmtp:126 apt=125\r\n"                                             \
    "a=rtpmap:118 flexfec-03/90000\r\n"                                                            \
    "a=rtpmap:119 rtx/90000\r\na=fmtp:119 apt=118\r\n"                                             \
    "a=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"

const char offer_text[] =
    "v=0\r\no=- 5228595038118931041 1700000000 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
    "a=msid-semantic:WMS *\r\n"
    "a=fingerprint:sha-256 aa:bb:cc:dd:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:"
    "44:55:66:77:88:99:AA:BB\r\n"
    "a=extmap-allow-mixed\r\na=group:BUNDLE 0 1 2 3\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" SECTION
    "a=mid:0\r\na=sendrecv\r\na=sctp-port:5000\r\na=max-message-size:65535\r\n"
    "a=candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host\r\n"
    "a=candidate:2 1 tcp 1671430143 127.0.0.1 50001 typ host tcptype passive\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8\r\n" SECTION
    "a=mid:1\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
    "a=rtcp-fb:111 nack\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
    "a=rtpmap:8 PCMA/8000\r\n"
    "a=ssrc:1111 cname:PA_abc|TR_audio\r\na=ssrc:1111 msid:PA_abc|TR_audio TR_audio\r\n"
    "a=msid:PA_abc|TR_audio TR_audio\r\na=sendrecv\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 125 126 118 119\r\n" SECTION "a=mid:2\r\n" VIDEO_CODECS
    "a=ssrc-group:FID 2222 3333\r\na=ssrc:2222 cname:PA_abc|TR_video\r\n"
    "a=ssrc:2222 msid:PA_abc|TR_video TR_video\r\na=ssrc:3333 cname:PA_abc|TR_video\r\n"
    "a=msid:PA_abc|TR_video TR_video\r\na=sendrecv\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 125 126 118 119\r\n" SECTION "a=mid:3\r\n" VIDEO_CODECS
    "a=recvonly\r\n";

SessionDescription *parse_text(const char *text)
{
    const char *error = NULL;
    SessionDescription *description = session_description_parse(text, strlen(text), &error);
    g_assert_cmpstr(error, ==, NULL);
    g_assert_nonnull(description);
    return description;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    session_description_test_add();
    answer_test_add();
    return g_test_run();
}
