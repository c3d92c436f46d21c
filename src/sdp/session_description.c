#include "sdp/session_description.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sdp/lines.h"

typedef struct {
    SessionDescription *description;
    SdpSection *section; /* NULL in front of the first one */
    unsigned capacity;
    SdpDirection session_direction;
    bool has_session_direction;
    const char *error;
} Parser;

static void payload_clear(SdpPayload *payload)
{
    free(payload->name);
    free(payload->fmtp);
}

static void section_clear(SdpSection *section)
{
    for (unsigned i = 0; i < section->payload_count; i++)
        payload_clear(&section->payloads[i]);
    free(section->payloads);
    free(section->protocol);
    free(section->mid);
    free(section->stream_id);
    free(section->track_id);
}

void session_description_free(SessionDescription *description)
{
    if (!description)
        return;
    for (unsigned i = 0; i < description->section_count; i++)
        section_clear(&description->sections[i]);
    for (unsigned i = 0; i < description->candidate_count; i++)
        free(description->candidates[i]);
    free(description->sections);
    free(description->candidates);
    free(description->ice_ufrag);
    free(description->ice_pwd);
    free(description->fingerprint_hash);
    free(description->fingerprint_value);
    free(description);
}

/* The first value stays. */
static void set_once(char **field, SdpText text, size_t max_size)
{
    if (!*field)
        *field = sdp_text_copy(text, max_size);
}

static SdpSection *add_section(Parser *parser)
{
    SessionDescription *description = parser->description;
    if (description->section_count == parser->capacity) {
        parser->capacity = parser->capacity ? parser->capacity * 2 : 8;
        SdpSection *sections =
            realloc(description->sections, parser->capacity * sizeof *description->sections);
        require(sections);
        description->sections = sections;
    }
    SdpSection *section = &description->sections[description->section_count++];
    *section = (SdpSection){
        .direction = parser->has_session_direction ? parser->session_direction : SDP_SENDRECV,
    };
    return section;
}

static SdpMedia media_of(SdpText word)
{
    if (sdp_text_is(word, "audio"))
        return SDP_AUDIO;
    if (sdp_text_is(word, "video"))
        return SDP_VIDEO;
    return sdp_text_is(word, "application") ? SDP_APPLICATION : SDP_OTHER;
}

static SdpPayload *find_payload(SdpSection *section, uint32_t payload_type)
{
    for (unsigned i = 0; i < section->payload_count; i++)
        if (section->payloads[i].payload_type == payload_type)
            return &section->payloads[i];
    return NULL;
}

static void parse_payload_types(SdpSection *section, SdpText rest)
{
    section->payloads = calloc(SDP_MAX_PAYLOADS, sizeof *section->payloads);
    require(section->payloads);
    SdpText word;
    while (section->payload_count < SDP_MAX_PAYLOADS && sdp_next_word(&rest, &word)) {
        uint32_t number = 0;
        if (sdp_text_number(word, 127, &number) && !find_payload(section, number))
            section->payloads[section->payload_count++].payload_type = (uint8_t)number;
    }
}

/* RFC 8866 5.14: <media> <port>[/<count>] <protocol> <formats> */
static void parse_media(Parser *parser, SdpText rest)
{
    if (parser->description->section_count == SDP_MAX_SECTIONS) {
        parser->error = "The session description has too many media sections.";
        return;
    }
    SdpSection *section = add_section(parser);
    parser->section = section;
    SdpText media = {0}, port = {0}, protocol = {0};
    if (!sdp_next_word(&rest, &media) || !sdp_next_word(&rest, &port) ||
        !sdp_next_word(&rest, &protocol)) {
        parser->error = "The session description has a media line without a port or protocol.";
        return;
    }
    uint32_t number = 0;
    section->media = media_of(media);
    section->rejected = !sdp_text_number(sdp_cut(&port, '/'), UINT16_MAX, &number) || number == 0;
    section->protocol = sdp_text_copy(protocol, SDP_TOKEN_MAX);
    if (section->media == SDP_AUDIO || section->media == SDP_VIDEO)
        parse_payload_types(section, rest);
}

static void parse_rtpmap(SdpSection *section, SdpText value)
{
    uint32_t number = 0;
    if (!sdp_text_number(sdp_cut(&value, ' '), 127, &number))
        return;
    SdpPayload *payload = find_payload(section, number);
    if (payload)
        set_once(&payload->name, value, SDP_TOKEN_MAX);
}

static void parse_fmtp(SdpSection *section, SdpText value)
{
    uint32_t number = 0;
    if (!sdp_text_number(sdp_cut(&value, ' '), 127, &number))
        return;
    SdpPayload *payload = find_payload(section, number);
    if (payload)
        set_once(&payload->fmtp, value, SDP_TOKEN_MAX);
}

static void set_feedback(SdpPayload *payload, SdpText value)
{
    if (sdp_text_is(value, "nack"))
        payload->nack = true;
    else if (sdp_text_is(value, "nack pli"))
        payload->nack_pli = true;
    else if (sdp_text_is(value, "ccm fir"))
        payload->ccm_fir = true;
}

/* RFC 4585 4.2; "*" stands for all payload types. */
static void parse_feedback(SdpSection *section, SdpText value)
{
    const SdpText target = sdp_cut(&value, ' ');
    uint32_t number = 0;
    const bool all = sdp_text_is(target, "*");
    if (!all && !sdp_text_number(target, 127, &number))
        return;
    for (unsigned i = 0; i < section->payload_count; i++)
        if (all || section->payloads[i].payload_type == number)
            set_feedback(&section->payloads[i], value);
}

static void set_msid(SdpSection *section, SdpText value)
{
    SdpText stream = {0}, track = {0};
    if (section->track_id || !sdp_next_word(&value, &stream) || !sdp_next_word(&value, &track))
        return;
    if (stream.size > SDP_TOKEN_MAX || track.size > SDP_TOKEN_MAX)
        return;
    section->stream_id = sdp_text_copy(stream, SDP_TOKEN_MAX);
    section->track_id = sdp_text_copy(track, SDP_TOKEN_MAX);
}

/* RFC 5576 4.1: "<ssrc> <attribute>:<value>" */
static void parse_ssrc(SdpSection *section, SdpText value)
{
    uint32_t ssrc = 0;
    if (!sdp_text_number(sdp_cut(&value, ' '), UINT32_MAX, &ssrc) || ssrc == 0)
        return;
    if (section->ssrc == 0)
        section->ssrc = ssrc;
    if (sdp_skip_prefix(&value, "msid:"))
        set_msid(section, value);
}

/* RFC 5576 4.2 and RFC 4588 8.8: "FID <media> <retransmission>" */
static void parse_ssrc_group(SdpSection *section, SdpText value)
{
    SdpText first = {0}, second = {0};
    uint32_t ssrc = 0, rtx_ssrc = 0;
    if (section->rtx_ssrc != 0 || !sdp_skip_prefix(&value, "FID ") ||
        !sdp_next_word(&value, &first) || !sdp_next_word(&value, &second) ||
        !sdp_text_number(first, UINT32_MAX, &ssrc) ||
        !sdp_text_number(second, UINT32_MAX, &rtx_ssrc) || ssrc == 0 || ssrc == rtx_ssrc)
        return;
    section->ssrc = ssrc;
    section->rtx_ssrc = rtx_ssrc;
}

static SdpSetup setup_of(SdpText value)
{
    if (sdp_text_is(value, "actpass"))
        return SDP_SETUP_ACTPASS;
    if (sdp_text_is(value, "active"))
        return SDP_SETUP_ACTIVE;
    return sdp_text_is(value, "passive") ? SDP_SETUP_PASSIVE : SDP_SETUP_NONE;
}

static void parse_setup(Parser *parser, SdpText value)
{
    const SdpSetup setup = setup_of(value);
    if (parser->section && parser->section->setup == SDP_SETUP_NONE)
        parser->section->setup = setup;
    if (parser->description->setup == SDP_SETUP_NONE)
        parser->description->setup = setup;
}

static void parse_fingerprint(SessionDescription *description, SdpText value)
{
    SdpText hash = {0}, digest = {0};
    if (description->fingerprint_value || !sdp_next_word(&value, &hash) ||
        !sdp_next_word(&value, &digest) || hash.size > SDP_TOKEN_MAX || digest.size > SDP_TOKEN_MAX)
        return;
    description->fingerprint_hash = sdp_text_copy(hash, SDP_TOKEN_MAX);
    description->fingerprint_value = sdp_text_copy(digest, SDP_TOKEN_MAX);
    for (char *at = description->fingerprint_hash; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    for (char *at = description->fingerprint_value; *at; at++)
        *at = (char)toupper((unsigned char)*at);
}

/* RFC 8839 5.1: foundation, component, transport, ... */
static bool is_tcp_candidate(SdpText value)
{
    SdpText word = {0};
    for (unsigned i = 0; i < 3; i++)
        if (!sdp_next_word(&value, &word))
            return false;
    return word.size == 3 && strncasecmp(word.start, "tcp", 3) == 0;
}

static void parse_candidate(SessionDescription *description, SdpText value)
{
    if (is_tcp_candidate(value))
        description->has_tcp_candidate = true;
    if (description->candidate_count == SDP_MAX_CANDIDATES)
        return;
    if (!description->candidates) {
        description->candidates = calloc(SDP_MAX_CANDIDATES, sizeof *description->candidates);
        require(description->candidates);
    }
    char *candidate = sdp_text_copy(value, 2 * SDP_TOKEN_MAX);
    if (candidate)
        description->candidates[description->candidate_count++] = candidate;
}

static bool direction_of(SdpText attribute, SdpDirection *ret_direction)
{
    static const char *const names[] = {
        [SDP_INACTIVE] = "inactive",
        [SDP_SENDONLY] = "sendonly",
        [SDP_RECVONLY] = "recvonly",
        [SDP_SENDRECV] = "sendrecv",
    };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (!sdp_text_is(attribute, names[i]))
            continue;
        *ret_direction = (SdpDirection)i;
        return true;
    }
    return false;
}

static void set_direction(Parser *parser, SdpDirection direction)
{
    if (parser->section) {
        parser->section->direction = direction;
        return;
    }
    parser->session_direction = direction;
    parser->has_session_direction = true;
}

static void parse_section_attribute(SdpSection *section, SdpText value)
{
    uint32_t number = 0;
    if (sdp_skip_prefix(&value, "mid:"))
        set_once(&section->mid, value, SDP_TOKEN_MAX);
    else if (sdp_skip_prefix(&value, "rtpmap:"))
        parse_rtpmap(section, value);
    else if (sdp_skip_prefix(&value, "fmtp:"))
        parse_fmtp(section, value);
    else if (sdp_skip_prefix(&value, "rtcp-fb:"))
        parse_feedback(section, value);
    else if (sdp_skip_prefix(&value, "ssrc:"))
        parse_ssrc(section, value);
    else if (sdp_skip_prefix(&value, "ssrc-group:"))
        parse_ssrc_group(section, value);
    else if (sdp_skip_prefix(&value, "msid:"))
        set_msid(section, value);
    else if (sdp_skip_prefix(&value, "sctp-port:") && sdp_text_number(value, UINT16_MAX, &number))
        section->sctp_port = (uint16_t)number;
}

static void parse_attribute(Parser *parser, SdpText value)
{
    SessionDescription *description = parser->description;
    SdpDirection direction;
    if (direction_of(value, &direction))
        set_direction(parser, direction);
    else if (sdp_text_is(value, "ice-lite"))
        description->ice_lite = true;
    else if (sdp_skip_prefix(&value, "ice-ufrag:"))
        set_once(&description->ice_ufrag, value, SDP_TOKEN_MAX);
    else if (sdp_skip_prefix(&value, "ice-pwd:"))
        set_once(&description->ice_pwd, value, SDP_TOKEN_MAX);
    else if (sdp_skip_prefix(&value, "fingerprint:"))
        parse_fingerprint(description, value);
    else if (sdp_skip_prefix(&value, "setup:"))
        parse_setup(parser, value);
    else if (value.size > 10 && memcmp(value.start, "candidate:", 10) == 0)
        parse_candidate(description, value);
    else if (parser->section)
        parse_section_attribute(parser->section, value);
}

static void parse_lines(Parser *parser, SdpText rest)
{
    SdpText line;
    while (!parser->error && sdp_next_line(&rest, &line)) {
        const bool is_usable = sdp_line_is_usable(line);
        const bool is_media = sdp_skip_prefix(&line, "m=");
        /* A section passed over would put all later ones in the wrong place. */
        if (is_media && !is_usable)
            parser->error = "The session description has a media line that cannot be read.";
        else if (is_media)
            parse_media(parser, line);
        else if (!is_usable)
            continue;
        else if (sdp_skip_prefix(&line, "a="))
            parse_attribute(parser, line);
    }
}

static bool read_apt(const char *fmtp, uint8_t *ret_apt)
{
    SdpText rest = sdp_text(fmtp, strlen(fmtp));
    while (rest.size > 0) {
        SdpText field = sdp_cut(&rest, ';');
        while (sdp_skip_prefix(&field, " "))
            continue;
        uint32_t number = 0;
        if (!sdp_skip_prefix(&field, "apt=") || !sdp_text_number(field, 127, &number))
            continue;
        *ret_apt = (uint8_t)number;
        return true;
    }
    return false;
}

/* The static payload types of RFC 3551 that need no rtpmap line. */
static const char *static_name(uint8_t payload_type)
{
    if (payload_type == 0)
        return "PCMU/8000";
    return payload_type == 8 ? "PCMA/8000" : NULL;
}

static void resolve_payload(const SdpSection *section, SdpPayload *payload)
{
    const char *name = payload->name ? payload->name : static_name(payload->payload_type);
    if (!name)
        return;
    if (!payload->name)
        payload->name = sdp_text_copy(sdp_text(name, strlen(name)), SDP_TOKEN_MAX);
    SdpText rest = sdp_text(payload->name, strlen(payload->name));
    const SdpText encoding = sdp_cut(&rest, '/');
    uint32_t clock_rate = 0;
    if (!sdp_text_number(sdp_cut(&rest, '/'), UINT32_MAX, &clock_rate))
        return;
    if (encoding.size == 3 && strncasecmp(encoding.start, "rtx", 3) == 0) {
        payload->is_rtx = payload->fmtp && read_apt(payload->fmtp, &payload->apt);
        return;
    }
    char text[32] = "";
    if (encoding.size >= sizeof text)
        return;
    memcpy(text, encoding.start, encoding.size);
    const Codec codec = codec_from_name(text);
    const TrackKind kind = section->media == SDP_AUDIO ? TRACK_AUDIO : TRACK_VIDEO;
    if (codec != CODEC_UNKNOWN && codec_kind(codec) == kind &&
        codec_clock_rate(codec) == clock_rate)
        payload->codec = codec;
}

static void resolve(SessionDescription *description)
{
    for (unsigned i = 0; i < description->section_count; i++) {
        SdpSection *section = &description->sections[i];
        for (unsigned j = 0; j < section->payload_count; j++)
            resolve_payload(section, &section->payloads[j]);
    }
}

static const char *what_is_missing(const SessionDescription *description)
{
    if (description->section_count == 0)
        return "The session description has no media section.";
    if (!description->ice_ufrag || !description->ice_pwd)
        return "The session description has no ICE credentials.";
    if (!description->fingerprint_value)
        return "The session description has no DTLS fingerprint.";
    return NULL;
}

SessionDescription *session_description_parse(const char *text, size_t size, const char **ret_error)
{
    if (size > SDP_MAX_SIZE) {
        if (ret_error)
            *ret_error = "The session description is larger than 4 MiB.";
        return NULL;
    }
    Parser parser = {.description = calloc(1, sizeof(SessionDescription))};
    require(parser.description);
    parse_lines(&parser, sdp_text(text, size));
    if (!parser.error)
        parser.error = what_is_missing(parser.description);
    if (parser.error) {
        session_description_free(parser.description);
        if (ret_error)
            *ret_error = parser.error;
        return NULL;
    }
    resolve(parser.description);
    return parser.description;
}
