#include "room/offer_writer.h"

#include <glib.h>

#define PREFERRED_H264 108

static const OfferPayload PAYLOADS[OFFER_PAYLOADS] = {
    {TRACK_AUDIO, CODEC_OPUS, 111, 0, "opus/48000/2", "minptime=10;useinbandfec=1"},
    {TRACK_AUDIO, CODEC_UNKNOWN, 63, 0, "red/48000/2", "111/111"},
    {TRACK_AUDIO, CODEC_PCMU, 0, 0, "PCMU/8000", NULL},
    {TRACK_AUDIO, CODEC_PCMA, 8, 0, "PCMA/8000", NULL},
    {TRACK_VIDEO, CODEC_VP8, 96, 97, "VP8/90000", NULL},
    {TRACK_VIDEO, CODEC_VP9, 98, 99, "VP9/90000", "profile-id=0"},
    {TRACK_VIDEO, CODEC_VP9, 100, 101, "VP9/90000", "profile-id=1"},
    {TRACK_VIDEO, CODEC_H264, 125, 126, "H264/90000",
     "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"},
    {TRACK_VIDEO, CODEC_H264, 108, 109, "H264/90000",
     "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
    {TRACK_VIDEO, CODEC_H264, 104, 105, "H264/90000",
     "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f"},
    {TRACK_VIDEO, CODEC_H264, 102, 103, "H264/90000",
     "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"},
    {TRACK_VIDEO, CODEC_H264, 39, 40, "H264/90000",
     "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f"},
    {TRACK_VIDEO, CODEC_H264, 106, 107, "H264/90000",
     "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f"},
    {TRACK_VIDEO, CODEC_AV1, 35, 36, "AV1/90000", NULL},
    {TRACK_VIDEO, CODEC_H265, 116, 117, "H265/90000", NULL},
};

const OfferPayload *offer_payloads(void)
{
    return PAYLOADS;
}

static bool is_offered(const Offer *offer, unsigned index, OfferMedia media)
{
    const TrackKind kind = media == OFFER_AUDIO ? TRACK_AUDIO : TRACK_VIDEO;
    return PAYLOADS[index].kind == kind && offer->payloads[index];
}

static void write_session(GString *text, const Offer *offer)
{
    g_string_append_printf(text,
                           "v=0\r\no=- %" G_GUINT64_FORMAT " %u IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
                           "a=msid-semantic:WMS *\r\na=fingerprint:sha-256 %s\r\n"
                           "a=extmap-allow-mixed\r\na=group:BUNDLE",
                           offer->session_id, offer->session_version, offer->fingerprint);
    for (unsigned i = 0; i < offer->section_count; i++) {
        g_string_append_printf(text, " %u", i);
    }
    g_string_append(text, "\r\n");
}

static void write_media_line(GString *text, const Offer *offer, OfferMedia media)
{
    if (media == OFFER_DATA) {
        g_string_append(text, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n");
        return;
    }
    g_string_append_printf(text, "m=%s 9 UDP/TLS/RTP/SAVPF",
                           media == OFFER_AUDIO ? "audio" : "video");
    for (unsigned i = 0; i < OFFER_PAYLOADS; i++) {
        if (!is_offered(offer, i, media)) {
            continue;
        }
        g_string_append_printf(text, " %u", PAYLOADS[i].payload_type);
        if (PAYLOADS[i].rtx_payload_type != 0) {
            g_string_append_printf(text, " %u", PAYLOADS[i].rtx_payload_type);
        }
    }
    g_string_append(text, "\r\n");
}

static void write_transport(GString *text, const Offer *offer, unsigned mid)
{
    g_string_append_printf(text,
                           "c=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:%u\r\n"
                           "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n",
                           mid, offer->ice_ufrag, offer->ice_pwd);
}

static void write_payload(GString *text, const OfferPayload *payload)
{
    const unsigned type = payload->payload_type;
    g_string_append_printf(text, "a=rtpmap:%u %s\r\n", type, payload->name);
    if (payload->fmtp != NULL) {
        g_string_append_printf(text, "a=fmtp:%u %s\r\n", type, payload->fmtp);
    }
    if (payload->kind == TRACK_AUDIO) {
        if (payload->codec == CODEC_OPUS) {
            g_string_append_printf(text, "a=rtcp-fb:%u nack\r\n", type);
        }
        return;
    }
    g_string_append_printf(text,
                           "a=rtcp-fb:%u goog-remb\r\na=rtcp-fb:%u ccm fir\r\n"
                           "a=rtcp-fb:%u nack\r\na=rtcp-fb:%u nack pli\r\n"
                           "a=rtpmap:%u rtx/90000\r\na=fmtp:%u apt=%u\r\n",
                           type, type, type, type, payload->rtx_payload_type,
                           payload->rtx_payload_type, type);
}

static void write_extensions(GString *text, OfferMedia media)
{
    static const char *const VIDEO[] = {
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
        "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
        "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    };
    if (media == OFFER_AUDIO) {
        g_string_append_printf(text, "a=extmap:2 %s\r\n", VIDEO[1]);
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(VIDEO); i++) {
        g_string_append_printf(text, "a=extmap:%u %s\r\n", i + 1, VIDEO[i]);
    }
}

static void write_source(GString *text, const OfferSection *section, uint32_t ssrc)
{
    const char *const stream = section->stream_id;
    const char *const track = section->track_id;
    g_string_append_printf(text,
                           "a=ssrc:%u cname:%s\r\na=ssrc:%u msid:%s %s\r\n"
                           "a=ssrc:%u mslabel:%s\r\na=ssrc:%u label:%s\r\n",
                           ssrc, stream, ssrc, stream, track, ssrc, stream, ssrc, track);
}

static void write_sources(GString *text, const OfferSection *section)
{
    if (section->track_id == NULL) {
        g_string_append(text, "a=recvonly\r\n");
        return;
    }
    if (section->rtx_ssrc != 0) {
        g_string_append_printf(text, "a=ssrc-group:FID %u %u\r\n", section->ssrc,
                               section->rtx_ssrc);
    }
    write_source(text, section, section->ssrc);
    if (section->rtx_ssrc != 0) {
        write_source(text, section, section->rtx_ssrc);
    }
    g_string_append_printf(text, "a=msid:%s %s\r\na=sendrecv\r\n", section->stream_id,
                           section->track_id);
}

static void write_candidates(GString *text, const Offer *offer)
{
    for (unsigned i = 0; offer->candidates != NULL && offer->candidates[i] != NULL; i++) {
        g_string_append_printf(text, "a=%s\r\n", offer->candidates[i]);
    }
}

static void write_section(GString *text, const Offer *offer, unsigned mid)
{
    const OfferSection *const section = &offer->sections[mid];
    write_media_line(text, offer, section->media);
    write_transport(text, offer, mid);
    if (section->media == OFFER_DATA) {
        g_string_append(text, "a=sendrecv\r\na=sctp-port:5000\r\na=max-message-size:65535\r\n");
    } else {
        g_string_append(text, "a=rtcp-mux\r\na=rtcp-rsize\r\n");
        for (unsigned i = 0; i < OFFER_PAYLOADS; i++) {
            if (is_offered(offer, i, section->media)) {
                write_payload(text, &PAYLOADS[i]);
            }
        }
        write_extensions(text, section->media);
        write_sources(text, section);
    }
    if (mid == 0) {
        write_candidates(text, offer);
    }
}

char *offer_write(const Offer *offer)
{
    GString *const text = g_string_new(NULL);
    write_session(text, offer);
    for (unsigned i = 0; i < offer->section_count; i++) {
        write_section(text, offer, i);
    }
    return g_string_free(text, FALSE);
}

void offer_choose_payloads(const bool *accepted, TrackKind kind,
                           RtpSenderPayload ret_payloads[CODEC_COUNT])
{
    for (unsigned i = 0; i < OFFER_PAYLOADS; i++) {
        const OfferPayload *const payload = &PAYLOADS[i];
        RtpSenderPayload *const choice = &ret_payloads[payload->codec];
        if (!accepted[i] || payload->kind != kind || payload->codec == CODEC_UNKNOWN) {
            continue;
        }
        if (choice->payload_type == 0 || payload->payload_type == PREFERRED_H264) {
            *choice = (RtpSenderPayload){payload->payload_type, payload->rtx_payload_type};
        }
    }
}
