#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "sdp/session_description.h"

/* RFC 8841 5.1 and 6: what usrsctp takes in one message. */
#define SCTP_PORT 5000
#define MAX_MESSAGE_SIZE 65535

static bool is_taken(const SdpSection *section, const SdpPayload *payload)
{
    if (!payload->is_rtx)
        return payload->codec != CODEC_UNKNOWN;
    for (unsigned i = 0; i < section->payload_count; i++) {
        const SdpPayload *other = &section->payloads[i];
        if (other->payload_type == payload->apt)
            return !other->is_rtx && other->codec != CODEC_UNKNOWN;
    }
    return false;
}

static bool takes_codec(const SdpSection *section)
{
    for (unsigned i = 0; i < section->payload_count; i++)
        if (is_taken(section, &section->payloads[i]))
            return true;
    return false;
}

static bool is_accepted(const SdpSection *section)
{
    if (section->rejected || !section->protocol)
        return false;
    switch (section->media) {
    case SDP_AUDIO:
    case SDP_VIDEO:
        return takes_codec(section);
    case SDP_APPLICATION:
        return true;
    case SDP_OTHER:
        return false;
    }
    return false;
}

static void write_mid(FILE *out, const SdpSection *section, unsigned index)
{
    if (section->mid)
        fputs(section->mid, out);
    else
        fprintf(out, "%u", index);
}

static void write_session(FILE *out, const SessionDescription *offer,
                          const SdpAnswerOptions *options)
{
    fprintf(out,
            "v=0\r\no=- %" PRIu64 " %u IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
            "a=msid-semantic:WMS *\r\na=group:BUNDLE",
            options->session_id, options->session_version);
    for (unsigned i = 0; i < offer->section_count; i++) {
        if (!is_accepted(&offer->sections[i]))
            continue;
        fputc(' ', out);
        write_mid(out, &offer->sections[i], i);
    }
    fputs("\r\n", out);
}

static const char *media_name(SdpMedia media)
{
    switch (media) {
    case SDP_AUDIO:
        return "audio";
    case SDP_VIDEO:
        return "video";
    case SDP_APPLICATION:
        return "application";
    case SDP_OTHER:
        return "text";
    }
    return "text";
}

static void write_media_line(FILE *out, const SdpSection *section, bool accepted)
{
    fprintf(out, "m=%s %d %s", media_name(section->media), accepted ? 9 : 0,
            section->protocol ? section->protocol : "UDP/TLS/RTP/SAVPF");
    if (section->media == SDP_APPLICATION)
        fputs(" webrtc-datachannel", out);
    else if (section->payload_count == 0)
        fputs(" 0", out);
    for (unsigned i = 0; i < section->payload_count; i++)
        if (!accepted || is_taken(section, &section->payloads[i]))
            fprintf(out, " %u", section->payloads[i].payload_type);
    fputs("\r\nc=IN IP4 0.0.0.0\r\n", out);
}

static void write_payload(FILE *out, const SdpPayload *payload)
{
    const unsigned number = payload->payload_type;
    fprintf(out, "a=rtpmap:%u %s\r\n", number, payload->name);
    if (payload->fmtp)
        fprintf(out, "a=fmtp:%u %s\r\n", number, payload->fmtp);
    if (payload->nack)
        fprintf(out, "a=rtcp-fb:%u nack\r\n", number);
    if (payload->nack_pli)
        fprintf(out, "a=rtcp-fb:%u nack pli\r\n", number);
}

/* A section is filled again by the server only if its last answer was inactive. */
static const char *answered_direction(const SdpSection *section)
{
    const bool sends = section->direction == SDP_SENDONLY || section->direction == SDP_SENDRECV;
    return sends && (section->track_id || section->ssrc) ? "recvonly" : "inactive";
}

static void write_media(FILE *out, const SdpSection *section)
{
    fputs("a=rtcp-mux\r\na=rtcp-rsize\r\n", out);
    for (unsigned i = 0; i < section->payload_count; i++)
        if (is_taken(section, &section->payloads[i]))
            write_payload(out, &section->payloads[i]);
    fprintf(out, "a=%s\r\n", answered_direction(section));
}

static const char *answered_setup(const SessionDescription *offer, const SdpAnswerOptions *options)
{
    const bool passive = offer->setup == SDP_SETUP_ACTIVE ||
                         (options->setup == SDP_SETUP_PASSIVE && offer->setup != SDP_SETUP_PASSIVE);
    return passive ? "passive" : "active";
}

static void write_transport(FILE *out, const SessionDescription *offer,
                            const SdpAnswerOptions *options)
{
    fprintf(out, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:%s\r\n",
            options->ice_ufrag, options->ice_pwd, options->fingerprint_value,
            answered_setup(offer, options));
}

static void write_candidates(FILE *out, const SdpAnswerOptions *options)
{
    for (unsigned i = 0; i < options->candidate_count; i++)
        fprintf(out, "a=%s\r\n", options->candidates[i]);
    if (options->end_of_candidates)
        fputs("a=end-of-candidates\r\n", out);
}

/* Returns whether the section was accepted. */
static bool write_section(FILE *out, const SessionDescription *offer, unsigned index,
                          const SdpAnswerOptions *options)
{
    const SdpSection *section = &offer->sections[index];
    const bool accepted = is_accepted(section);
    write_media_line(out, section, accepted);
    fputs("a=mid:", out);
    write_mid(out, section, index);
    fputs("\r\n", out);
    if (!accepted) {
        fputs("a=inactive\r\n", out);
        return false;
    }
    write_transport(out, offer, options);
    if (section->media == SDP_APPLICATION)
        fprintf(out, "a=sctp-port:%u\r\na=max-message-size:%u\r\na=sendrecv\r\n", SCTP_PORT,
                MAX_MESSAGE_SIZE);
    else
        write_media(out, section);
    return true;
}

char *session_description_answer(const SessionDescription *offer, const SdpAnswerOptions *options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    require(out);
    write_session(out, offer, options);
    bool has_candidates = false;
    for (unsigned i = 0; i < offer->section_count; i++) {
        const bool accepted = write_section(out, offer, i, options);
        if (!accepted || has_candidates)
            continue;
        write_candidates(out, options);
        has_candidates = true;
    }
    require(fclose(out) == 0);
    return text;
}
