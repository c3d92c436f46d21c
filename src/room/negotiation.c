#include "room/negotiation.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sdp/session_description.h"

#define BATCH_MS 10
#define ANSWER_TIMEOUT_S 15
#define MAX_SECTIONS 512u

typedef struct {
    OfferMedia media;
    bool active;   /* a track is in it */
    bool started;  /* its answer came: packets flow */
    bool reusable; /* empty, and answered inactive */
    unsigned publisher;
    Codec codec;
    char *identity, *stream_id, *track_sid;
    uint32_t ssrc, rtx_ssrc;
    MediaTimeline timeline;
} Section;

struct Negotiation {
    unsigned id;
    MediaHub *hub;
    NegotiationFaults faults;
    NegotiationOut out;
    GArray *sections; /* of Section; the mid is the index */
    bool payloads[OFFER_PAYLOADS];
    bool kind_answered[2];
    char *ice_ufrag, *ice_pwd, *fingerprint;
    char **candidates;
    uint64_t session_id;
    unsigned session_version;
    uint32_t offer_id;
    bool is_pending, is_dirty;
    unsigned offered_sections; /* of the offer that is out */
    guint batch_timer, answer_timer;
    int dead_socket; /* -1 */
};

static void section_empty(Section *section)
{
    g_clear_pointer(&section->identity, g_free);
    g_clear_pointer(&section->stream_id, g_free);
    g_clear_pointer(&section->track_sid, g_free);
    section->active = false;
    section->started = false;
    section->ssrc = section->rtx_ssrc = 0;
}

static void section_clear(void *data)
{
    section_empty(data);
}

Negotiation *negotiation_new(unsigned id, MediaHub *hub, NegotiationFaults faults,
                             NegotiationOut out)
{
    Negotiation *const negotiation = g_new0(Negotiation, 1);
    negotiation->id = id;
    negotiation->hub = hub;
    negotiation->faults = faults;
    negotiation->out = out;
    negotiation->dead_socket = -1;
    negotiation->sections = g_array_new(FALSE, TRUE, sizeof(Section));
    g_array_set_clear_func(negotiation->sections, section_clear);
    memset(negotiation->payloads, true, sizeof negotiation->payloads);
    negotiation->session_id = (uint64_t)g_random_int() << 30 | g_random_int_range(1, 1 << 30);
    negotiation->offer_id = (uint32_t)g_random_int_range(1, 257);
    negotiation->is_dirty = true;
    media_hub_connect(hub, id);
    return negotiation;
}

static void clear_timer(guint *timer)
{
    if (*timer != 0) {
        g_source_remove(*timer);
        *timer = 0;
    }
}

void negotiation_free(Negotiation *negotiation)
{
    if (negotiation == NULL) {
        return;
    }
    media_hub_disconnect(negotiation->hub, negotiation->id);
    clear_timer(&negotiation->batch_timer);
    clear_timer(&negotiation->answer_timer);
    g_array_unref(negotiation->sections);
    g_free(negotiation->ice_ufrag);
    g_free(negotiation->ice_pwd);
    g_free(negotiation->fingerprint);
    g_strfreev(negotiation->candidates);
    if (negotiation->dead_socket >= 0) {
        close(negotiation->dead_socket);
    }
    g_free(negotiation);
}

static Section *section_at(const Negotiation *negotiation, unsigned index)
{
    return &g_array_index(negotiation->sections, Section, index);
}

static Section *find_section(const Negotiation *negotiation, const char *track_sid)
{
    for (unsigned i = 0; i < negotiation->sections->len; i++) {
        Section *const section = section_at(negotiation, i);
        if (section->active && strcmp(section->track_sid, track_sid) == 0) {
            return section;
        }
    }
    return NULL;
}

/* The data section is last in the first offer; what comes later is appended behind it. */
static void add_data_section(Negotiation *negotiation)
{
    const Section data = {.media = OFFER_DATA};
    g_array_append_val(negotiation->sections, data);
}

static gboolean on_answer_timeout(gpointer data)
{
    Negotiation *const negotiation = data;
    negotiation->answer_timer = 0;
    negotiation->out.timed_out(negotiation->out.owner);
    return G_SOURCE_REMOVE;
}

static char *write_offer(const Negotiation *negotiation, unsigned *ret_mid_count,
                         RoomMessageMid *mids)
{
    const unsigned count = negotiation->sections->len;
    g_autofree OfferSection *sections = g_new0(OfferSection, count);
    *ret_mid_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const Section *const section = section_at(negotiation, i);
        sections[i] = (OfferSection){section->media, section->stream_id, section->track_sid,
                                     section->ssrc, section->rtx_ssrc};
        if (section->active) {
            RoomMessageMid *const mid = &mids[(*ret_mid_count)++];
            g_snprintf(mid->mid, sizeof mid->mid, "%u", i);
            mid->track_sid = section->track_sid;
        }
    }
    const Offer offer = {
        .ice_ufrag = negotiation->ice_ufrag,
        .ice_pwd = negotiation->ice_pwd,
        .fingerprint = negotiation->fingerprint,
        .candidates = (const char *const *)negotiation->candidates,
        .session_id = negotiation->session_id,
        .session_version = negotiation->session_version,
        .sections = sections,
        .section_count = count,
        .payloads = negotiation->payloads,
    };
    return offer_write(&offer);
}

static void send_bad_offer(Negotiation *negotiation)
{
    if (negotiation->faults.bad_first_offer && negotiation->session_version == 1) {
        negotiation->out.offer(negotiation->out.owner,
                               "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nm=video nine X\r\na=mid:",
                               negotiation->offer_id, NULL, 0);
    }
}

static void send_offer(Negotiation *negotiation)
{
    if (negotiation->session_version++ == 0) {
        add_data_section(negotiation);
    }
    g_autofree RoomMessageMid *mids = g_new0(RoomMessageMid, negotiation->sections->len + 1);
    unsigned mid_count = 0;
    g_autofree char *sdp = write_offer(negotiation, &mid_count, mids);
    send_bad_offer(negotiation);
    negotiation->offer_id++;
    negotiation->is_dirty = false;
    negotiation->is_pending = true;
    negotiation->offered_sections = negotiation->sections->len;
    clear_timer(&negotiation->answer_timer);
    negotiation->answer_timer =
        g_timeout_add_seconds(ANSWER_TIMEOUT_S, on_answer_timeout, negotiation);
    negotiation->out.offer(negotiation->out.owner, sdp, negotiation->offer_id, mids, mid_count);
}

static gboolean on_batch(gpointer data)
{
    Negotiation *const negotiation = data;
    negotiation->batch_timer = 0;
    send_offer(negotiation);
    return G_SOURCE_REMOVE;
}

static void negotiate_soon(Negotiation *negotiation)
{
    negotiation->is_dirty = true;
    if (negotiation->ice_ufrag != NULL && !negotiation->is_pending &&
        negotiation->batch_timer == 0) {
        negotiation->batch_timer = g_timeout_add(BATCH_MS, on_batch, negotiation);
    }
}

/* A socket that is bound and never read: nobody answers, and nobody else can. */
static char *dead_candidate(Negotiation *negotiation)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    socklen_t size = sizeof address;
    negotiation->dead_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (negotiation->dead_socket < 0 ||
        bind(negotiation->dead_socket, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(negotiation->dead_socket, (struct sockaddr *)&address, &size) != 0) {
        return g_strdup("candidate:1 1 udp 2130706431 127.0.0.1 9 typ host");
    }
    return g_strdup_printf("candidate:1 1 udp 2130706431 127.0.0.1 %u typ host",
                           ntohs(address.sin_port));
}

static char *false_fingerprint(const char *fingerprint)
{
    char *const text = g_strdup(fingerprint);
    for (char *digit = text; *digit != '\0'; digit++) {
        if (g_ascii_isdigit(*digit)) {
            *digit = (char)('0' + '9' - *digit);
        }
    }
    return text;
}

void negotiation_set_local(Negotiation *negotiation, const MediaHubLocal *local)
{
    const NegotiationFaults *const faults = &negotiation->faults;
    g_free(negotiation->ice_ufrag);
    g_free(negotiation->ice_pwd);
    g_free(negotiation->fingerprint);
    g_strfreev(negotiation->candidates);
    negotiation->candidates = NULL;
    negotiation->ice_ufrag = g_strdup(local->ice_ufrag);
    negotiation->ice_pwd = g_strdup(local->ice_pwd);
    negotiation->fingerprint = faults->wrong_fingerprint ? false_fingerprint(local->fingerprint)
                                                         : g_strdup(local->fingerprint);
    if (faults->dead_candidates) {
        negotiation->candidates = g_new0(char *, 2);
        negotiation->candidates[0] = dead_candidate(negotiation);
    } else {
        negotiation->candidates = g_strdupv(local->candidates);
    }
    negotiate_soon(negotiation);
}

void negotiation_restart(Negotiation *negotiation)
{
    clear_timer(&negotiation->batch_timer);
    clear_timer(&negotiation->answer_timer);
    negotiation->is_pending = false;
    media_hub_restart(negotiation->hub, negotiation->id);
}

/* The codecs of the first answered section of a kind are all that kind ever gets. */
static void learn_payloads(Negotiation *negotiation, const SdpSection *answer, TrackKind kind)
{
    if (negotiation->kind_answered[kind]) {
        return;
    }
    negotiation->kind_answered[kind] = true;
    for (unsigned i = 0; i < OFFER_PAYLOADS; i++) {
        const OfferPayload *const payload = &offer_payloads()[i];
        if (payload->kind != kind) {
            continue;
        }
        bool accepted = false;
        for (unsigned j = 0; j < answer->payload_count; j++) {
            accepted = accepted || answer->payloads[j].payload_type == payload->payload_type;
        }
        negotiation->payloads[i] = accepted;
    }
}

static void start_track(Negotiation *negotiation, Section *section)
{
    const TrackKind kind = section->media == OFFER_VIDEO ? TRACK_VIDEO : TRACK_AUDIO;
    RtpSenderPayload payloads[CODEC_COUNT] = {0};
    offer_choose_payloads(negotiation->payloads, kind, payloads);
    if (payloads[section->codec].payload_type == 0) {
        negotiation->out.track_refused(negotiation->out.owner, section->track_sid);
        return;
    }
    DownlinkTrack *const track = g_new0(DownlinkTrack, 1);
    track->publisher = section->publisher;
    track->identity = g_strdup(section->identity);
    track->cname = g_strdup(section->stream_id);
    track->kind = kind;
    track->ssrc = section->ssrc;
    track->rtx_ssrc = section->rtx_ssrc;
    track->timeline = section->timeline;
    memcpy(track->payloads, payloads, sizeof payloads);
    section->started = true;
    media_hub_add_track(negotiation->hub, negotiation->id, track);
    negotiation->out.track_started(negotiation->out.owner, section->track_sid);
}

static void apply_section(Negotiation *negotiation, unsigned index, const SdpSection *answer)
{
    Section *const section = section_at(negotiation, index);
    if (section->media == OFFER_DATA) {
        return;
    }
    learn_payloads(negotiation, answer, section->media == OFFER_VIDEO ? TRACK_VIDEO : TRACK_AUDIO);
    if (section->active && !section->started) {
        start_track(negotiation, section);
    } else if (!section->active) {
        section->reusable = answer->direction == SDP_INACTIVE;
    }
}

static void apply_transport(Negotiation *negotiation, const SessionDescription *answer)
{
    if (negotiation->faults.dead_candidates) {
        return;
    }
    const PeerRemote remote = {
        .ice_ufrag = answer->ice_ufrag,
        .ice_pwd = answer->ice_pwd,
        .fingerprint_hash = answer->fingerprint_hash,
        .fingerprint_value = answer->fingerprint_value,
        .ice_lite = answer->ice_lite,
        .dtls_is_active = answer->setup == SDP_SETUP_ACTIVE,
    };
    media_hub_set_remote(negotiation->hub, negotiation->id, &remote);
    for (unsigned i = 0; i < answer->candidate_count; i++) {
        media_hub_add_candidate(negotiation->hub, negotiation->id, answer->candidates[i]);
    }
}

static bool mids_match(const Negotiation *negotiation, const SessionDescription *answer)
{
    if (answer->section_count != negotiation->offered_sections) {
        return false;
    }
    for (unsigned i = 0; i < answer->section_count; i++) {
        char mid[16];
        g_snprintf(mid, sizeof mid, "%u", i);
        if (answer->sections[i].mid == NULL || strcmp(answer->sections[i].mid, mid) != 0) {
            return false;
        }
    }
    return true;
}

bool negotiation_answer(Negotiation *negotiation, const char *sdp, uint32_t id)
{
    if (!negotiation->is_pending || id != negotiation->offer_id) {
        return false;
    }
    SessionDescription *const answer = session_description_parse(sdp, strlen(sdp), NULL);
    if (answer == NULL || !mids_match(negotiation, answer)) {
        session_description_free(answer);
        return false;
    }
    clear_timer(&negotiation->answer_timer);
    negotiation->is_pending = false;
    apply_transport(negotiation, answer);
    for (unsigned i = 0; i < answer->section_count; i++) {
        apply_section(negotiation, i, &answer->sections[i]);
    }
    session_description_free(answer);
    if (negotiation->is_dirty) {
        negotiate_soon(negotiation);
    }
    return true;
}

void negotiation_remote_candidate(Negotiation *negotiation, const char *candidate)
{
    if (!negotiation->faults.dead_candidates) {
        media_hub_add_candidate(negotiation->hub, negotiation->id, candidate);
    }
}

static Section *free_section(Negotiation *negotiation, OfferMedia media)
{
    for (unsigned i = 0; i < negotiation->sections->len; i++) {
        Section *const section = section_at(negotiation, i);
        if (section->media == media && !section->active && section->reusable) {
            return section;
        }
    }
    const Section section = {.media = media};
    g_array_append_val(negotiation->sections, section);
    return section_at(negotiation, negotiation->sections->len - 1);
}

static void section_choose_ssrc(Section *section)
{
    section->ssrc = g_random_int() | 1;
    section->rtx_ssrc = section->media == OFFER_VIDEO ? section->ssrc ^ 0x40000000u : 0;
}

void negotiation_add_track(Negotiation *negotiation, const NegotiationTrack *track)
{
    if (negotiation->sections->len >= MAX_SECTIONS ||
        find_section(negotiation, track->track_sid) != NULL) {
        return;
    }
    Section *const section =
        free_section(negotiation, track->kind == TRACK_VIDEO ? OFFER_VIDEO : OFFER_AUDIO);
    section->active = true;
    section->reusable = false;
    section->publisher = track->publisher;
    section->codec = track->codec;
    section->identity = g_strdup(track->identity);
    section->track_sid = g_strdup(track->track_sid);
    section->stream_id = g_strdup_printf("%s|%s", track->participant_sid, track->track_sid);
    section_choose_ssrc(section);
    section->timeline = track->timeline;
    negotiate_soon(negotiation);
}

void negotiation_remove_track(Negotiation *negotiation, const char *track_sid)
{
    Section *const section = find_section(negotiation, track_sid);
    if (section == NULL) {
        return;
    }
    if (section->started) {
        media_hub_remove_track(negotiation->hub, negotiation->id, section->ssrc);
    }
    section_empty(section);
    negotiate_soon(negotiation);
}

void negotiation_renew_track(Negotiation *negotiation, const char *track_sid)
{
    Section *const section = find_section(negotiation, track_sid);
    if (section == NULL || !section->started) {
        return;
    }
    media_hub_remove_track(negotiation->hub, negotiation->id, section->ssrc);
    section->started = false;
    section_choose_ssrc(section);
    negotiate_soon(negotiation);
}

bool negotiation_has_track(const Negotiation *negotiation, const char *track_sid)
{
    return find_section(negotiation, track_sid) != NULL;
}
