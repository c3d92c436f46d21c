/* Messages of a hostile server, one a record, through the whole client but for its socket: whatever
 * comes, what is told of it is valid text within limits, and the room's table agrees with it. */
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "sdp/session_description.h"
#include "signal/messages.h"
#include "signal/signal_client_private.h"

#define TEXT_MAX 256
#define CANDIDATE_MAX 4096

static void check_text(const char *text, size_t max_size)
{
    require(text && strlen(text) <= max_size && g_utf8_validate(text, -1, NULL));
}

static void on_joined(void *owner, const SignalJoin *join)
{
    (void)owner;
    check_text(join->room_name, TEXT_MAX);
    check_text(join->identity, TEXT_MAX);
    check_text(join->participant_sid, TEXT_MAX);
    for (unsigned i = 0; i < join->ice_server_count; i++)
        check_text(join->ice_servers[i].url, 1024);
}

static void on_offer(void *owner, const char *sdp, uint32_t id, GHashTable *mids)
{
    (void)owner;
    (void)id;
    require(mids != NULL);
    session_description_free(session_description_parse(sdp, strlen(sdp), NULL));
}

static void on_candidate(void *owner, const char *candidate)
{
    (void)owner;
    if (candidate)
        check_text(candidate, CANDIDATE_MAX);
}

static void on_room(void *owner, const char *sid, const char *name)
{
    (void)owner;
    check_text(sid, TEXT_MAX);
    check_text(name, TEXT_MAX);
}

static void on_leave(void *owner, LeaveAction action, int reason, const char *reason_name)
{
    (void)action;
    (void)reason;
    check_text(reason_name, TEXT_MAX);
    *(bool *)owner = true;
}

static void on_failed(void *owner, SignalFailure failure, OutcomeCode code, const char *sentence)
{
    require(code != CODE_NONE && *sentence);
    (void)failure;
    *(bool *)owner = true;
}

static void on_publication(void *owner, const Participant *participant, const Publication *track)
{
    (void)owner;
    check_text(participant->identity, TEXT_MAX);
    check_text(track->name, TEXT_MAX);
    check_text(track->mime_type, TEXT_MAX);
    require(message_sid_is_valid(track->sid) && track->layer_count <= PUBLICATION_MAX_LAYERS);
}

static void find_tracks(void *owner, const Participant *participant)
{
    for (unsigned i = 0; i < participant->publications->len; i++) {
        const Publication *track = participant->publications->pdata[i];
        const Participant *found = NULL;
        require(room_view_find_track(owner, track->sid, &found) && found);
    }
}

/* A server that lets us in: what comes then is the input's. */
static void join(SignalClient *client)
{
    Livekit__JoinResponse message = LIVEKIT__JOIN_RESPONSE__INIT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN;
    response.join = &message;
    g_autoptr(GBytes) bytes = signal_response_format(&response);
    signal_client_inject_for_test(client, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static bool is_join(const FuzzRecord *record)
{
    g_autoptr(Livekit__SignalResponse) response = signal_response_parse(record->data, record->size);
    return response && response->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN;
}

static SignalClient *client_new(bool *ended)
{
    const SignalClientOut out = {
        .owner = ended,
        .joined = on_joined,
        .offer = on_offer,
        .candidate = on_candidate,
        .room_updated = on_room,
        .leave = on_leave,
        .failed = on_failed,
    };
    const RoomViewOut room_out = {
        .track_published = on_publication,
        .track_changed = on_publication,
        .track_unpublished = on_publication,
    };
    const SignalClientConfig config = {.url = "ws://127.0.0.1:1", .token = ""};
    return signal_client_new(&config, out, room_out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool ended = false;
    SignalClient *client = client_new(&ended);
    ByteReader reader = byte_reader(data, size);
    FuzzRecord record;
    for (bool is_first = true; !ended && fuzz_next(&reader, &record); is_first = false) {
        if (is_first && !is_join(&record))
            join(client);
        signal_client_inject_for_test(client, record.data, record.size);
        signal_request_free(signal_request_parse(record.data, record.size));
        RoomView *room = (RoomView *)signal_client_room(client);
        room_view_foreach(room, find_tracks, room);
    }
    signal_client_free(client);
    return 0;
}
