#include "room/embedded_room.h"

#include <libsoup/soup.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "room/room_admission.h"
#include "room/room_session.h"

#define DEFAULT_API_KEY "devkey"
#define DEFAULT_ROOM "demo"
#define MAX_SESSIONS 2000u
#define ERROR_TEXT_MAX 512

struct EmbeddedRoom {
    char *api_key, *api_secret, *name, *url;
    char sid[ROSTER_SID_SIZE];
    unsigned port;
    FaultScript script;
    RoomClock clock;
    SoupServer *server;
    MediaHub *hub;
    RoomRoster *roster;
    bool is_load;
    GPtrArray *sessions; /* of RoomSession */
    GArray *ended;       /* ids of sessions to be freed */
    guint script_timer, reaper;
    unsigned next_id;
    uint64_t subscribers_total, malformed_requests;
};

G_DEFINE_QUARK(embedded - room - error, embedded_room_error)

static int64_t now_at(const EmbeddedRoom *room)
{
    return room_clock_at(&room->clock, clock_monotonic_ns());
}

/* The script's clockwork. */

static int64_t next_fault_moment(const EmbeddedRoom *room, int64_t at_ns)
{
    int64_t next_ns = CLOCK_NEVER;
    for (unsigned i = 0; i < room->script.count; i++) {
        const Fault *const fault = &room->script.faults[i];
        if (fault->start_ns > at_ns && fault->start_ns < next_ns) {
            next_ns = fault->start_ns;
        }
        if (fault->end_ns > at_ns && fault->end_ns < next_ns) {
            next_ns = fault->end_ns;
        }
    }
    return next_ns;
}

static void run_script(EmbeddedRoom *room);

static gboolean on_script_moment(gpointer data)
{
    EmbeddedRoom *const room = data;
    room->script_timer = 0;
    run_script(room);
    return G_SOURCE_REMOVE;
}

static void run_script(EmbeddedRoom *room)
{
    const int64_t at_ns = now_at(room);
    g_autoptr(GError) error = NULL;
    if (!room_roster_update(room->roster, at_ns, &error)) {
        log_error("room", room->name, "%s", error->message);
    }
    for (unsigned i = 0; i < room->sessions->len; i++) {
        room_session_sync(room->sessions->pdata[i]);
    }
    if (!room_clock_runs(&room->clock)) {
        return;
    }
    const int64_t fault_ns = next_fault_moment(room, at_ns);
    const int64_t roster_ns = room_roster_next(room->roster, at_ns);
    const int64_t next_ns = fault_ns < roster_ns ? fault_ns : roster_ns;
    if (room->script_timer != 0) {
        g_source_remove(room->script_timer);
        room->script_timer = 0;
    }
    if (next_ns != CLOCK_NEVER) {
        const int64_t wait_ms = (next_ns - at_ns + NS_PER_MS - 1) / NS_PER_MS;
        room->script_timer = g_timeout_add((guint)MIN(wait_ms, G_MAXINT), on_script_moment, room);
    }
}

/* Sessions. */

static RoomSession *find_session(EmbeddedRoom *room, unsigned id)
{
    for (unsigned i = 0; i < room->sessions->len; i++) {
        if (room_session_id(room->sessions->pdata[i]) == id) {
            return room->sessions->pdata[i];
        }
    }
    return NULL;
}

static gboolean on_reap(gpointer data)
{
    EmbeddedRoom *const room = data;
    room->reaper = 0;
    for (unsigned i = 0; i < room->ended->len; i++) {
        RoomSession *const session = find_session(room, g_array_index(room->ended, unsigned, i));
        g_ptr_array_remove(room->sessions, session);
    }
    g_array_set_size(room->ended, 0);
    return G_SOURCE_REMOVE;
}

static void on_session_ended(void *owner, unsigned id)
{
    EmbeddedRoom *const room = owner;
    g_array_append_val(room->ended, id);
    if (room->reaper == 0) {
        room->reaper = g_idle_add(on_reap, room);
    }
}

static void on_malformed(void *owner)
{
    ((EmbeddedRoom *)owner)->malformed_requests++;
}

static void on_local(void *owner, unsigned id, const MediaHubLocal *local)
{
    RoomSession *const session = find_session(owner, id);
    if (session != NULL) {
        room_session_local(session, local);
    }
}

static void on_candidate(void *owner, unsigned id, const char *candidate)
{
    RoomSession *const session = find_session(owner, id);
    if (session != NULL) {
        room_session_candidate(session, candidate);
    }
}

static void on_state(void *owner, unsigned id, PeerState state, const char *sentence)
{
    RoomSession *const session = find_session(owner, id);
    if (session != NULL) {
        room_session_state(session, state, sentence);
    }
}

static void on_keyframe_wanted(void *owner, unsigned publisher)
{
    room_roster_request_keyframe(((EmbeddedRoom *)owner)->roster, publisher);
}

static void throw_out_twin(EmbeddedRoom *room, const char *identity)
{
    for (unsigned i = 0; i < room->sessions->len; i++) {
        RoomSession *const session = room->sessions->pdata[i];
        if (strcmp(room_session_identity(session), identity) == 0) {
            room_session_leave(session, 0, 2); /* DISCONNECT, DUPLICATE_IDENTITY */
        }
    }
}

/* HTTP. */

static Admission check_request(const EmbeddedRoom *room, SoupServerMessage *message,
                               GHashTable *query)
{
    SoupMessageHeaders *const headers = soup_server_message_get_request_headers(message);
    const AdmissionRules rules = {
        .api_key = room->api_key,
        .api_secret = room->api_secret,
        .room_name = room->name,
        .any_room = room->is_load,
        .script = &room->script,
        .at_ns = now_at(room),
    };
    const AdmissionRequest request = {
        .authorization = soup_message_headers_get_one(headers, "Authorization"),
        .query = query,
    };
    return room_admission_check(&rules, &request);
}

static void answer(SoupServerMessage *message, unsigned status, const char *text)
{
    soup_server_message_set_status(message, status, NULL);
    SoupMessageHeaders *const headers = soup_server_message_get_response_headers(message);
    soup_message_headers_replace(headers, "Access-Control-Allow-Origin", "*");
    /* libsoup 3.2 keeps the socket of a client that hangs up between two requests. */
    soup_message_headers_replace(headers, "Connection", "close");
    soup_server_message_set_response(message, "text/plain; charset=utf-8", SOUP_MEMORY_COPY, text,
                                     strlen(text));
}

static bool is_upgrade(SoupServerMessage *message)
{
    SoupMessageHeaders *const headers = soup_server_message_get_request_headers(message);
    const char *const upgrade = soup_message_headers_get_one(headers, "Upgrade");
    return upgrade != NULL && g_ascii_strcasecmp(upgrade, "websocket") == 0;
}

static void on_request(SoupServer *server, SoupServerMessage *message, const char *path,
                       GHashTable *query, gpointer data)
{
    EmbeddedRoom *const room = data;
    (void)server;
    const bool validates = strcmp(path, "/rtc/validate") == 0;
    if (!validates && strcmp(path, "/rtc") != 0) {
        answer(message, strcmp(path, "/") == 0 ? 200 : 404,
               strcmp(path, "/") == 0 ? "OK" : "404 page not found");
        return;
    }
    if (!validates && !is_upgrade(message)) {
        answer(message, 404, "not found");
        return;
    }
    Admission admission = check_request(room, message, query);
    if (admission.status == 200 && room->sessions->len >= MAX_SESSIONS) {
        admission.status = 503;
        admission.text = "node has exceeded its configured limit";
    }
    /* Without a status the upgrade goes on. */
    if (validates || admission.status != 200) {
        answer(message, admission.status, admission.text);
    }
    room_admission_clear(&admission);
}

static RoomSession *find_sid(const EmbeddedRoom *room, const char *sid)
{
    for (unsigned i = 0; i < room->sessions->len; i++) {
        if (strcmp(room_session_sid(room->sessions->pdata[i]), sid) == 0) {
            return room->sessions->pdata[i];
        }
    }
    return NULL;
}

/* It asked for a session to go on, and was answered. */
static bool resumes(const EmbeddedRoom *room, GHashTable *query, SoupWebsocketConnection *socket)
{
    const int64_t at_ns = now_at(room);
    const char *const sid = query ? g_hash_table_lookup(query, "sid") : NULL;
    if (!sid || fault_script_find(&room->script, FAULT_FORGET_SESSION, at_ns)) {
        return false;
    }
    RoomSession *const session = find_sid(room, sid);
    const bool refuses = fault_script_find(&room->script, FAULT_REFUSE_RESUME, at_ns);
    if (!session || refuses || !room_session_resume(session, socket)) {
        room_session_refuse_resume(socket);
    }
    return true;
}

static void on_websocket(SoupServer *server, SoupServerMessage *message, const char *path,
                         SoupWebsocketConnection *socket, gpointer data)
{
    EmbeddedRoom *const room = data;
    (void)server;
    (void)path;
    const char *const text = g_uri_get_query(soup_server_message_get_uri(message));
    g_autoptr(GHashTable) query = text != NULL ? soup_form_decode(text) : NULL;
    Admission admission = check_request(room, message, query);
    if (admission.status != 200) {
        soup_websocket_connection_close(socket, SOUP_WEBSOCKET_CLOSE_POLICY_VIOLATION, NULL);
        return;
    }
    if (resumes(room, query, socket)) {
        room_admission_clear(&admission);
        return;
    }
    throw_out_twin(room, admission.identity);
    if (!room_clock_runs(&room->clock)) {
        room_clock_start(&room->clock, clock_monotonic_ns());
    }
    room->subscribers_total++;
    const RoomSessionConfig config = {
        .id = room->next_id++,
        .identity = admission.identity,
        .auto_subscribe = admission.auto_subscribe,
        .hidden = admission.hidden,
    };
    const RoomContext context = {
        .roster = room->roster,
        .hub = room->hub,
        .script = &room->script,
        .clock = &room->clock,
        .room_sid = room->sid,
        .room_name = room->name,
        .api_key = room->api_key,
        .api_secret = room->api_secret,
    };
    const RoomSessionOut out = {
        .owner = room, .malformed = on_malformed, .ended = on_session_ended};
    g_ptr_array_add(room->sessions, room_session_new(&config, &context, socket, out));
    room_admission_clear(&admission);
    run_script(room);
}

/* Construction. */

static bool load_faults(EmbeddedRoom *room, const char *const *texts, GError **error)
{
    for (unsigned i = 0; texts != NULL && texts[i] != NULL; i++) {
        char sentence[ERROR_TEXT_MAX] = "A room takes at most 64 faults.";
        if (room->script.count == FAULT_MAX ||
            !fault_parse(texts[i], &room->script.faults[room->script.count], sentence,
                         sizeof sentence)) {
            g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_CONFIG, "%s", sentence);
            return false;
        }
        room->script.count++;
    }
    return true;
}

static bool check_publisher(const EmbeddedPublisher *publisher, GError **error)
{
    const bool has_video = publisher->video_codec != CODEC_UNKNOWN;
    const char *problem = NULL;
    if (publisher->identity == NULL || publisher->identity[0] == '\0' ||
        strlen(publisher->identity) >= FAULT_IDENTITY_MAX) {
        problem = "its identity must have 1 to 63 bytes";
    } else if (has_video && codec_kind(publisher->video_codec) != TRACK_VIDEO) {
        problem = "its video codec is none";
    } else if (publisher->audio_codec != CODEC_UNKNOWN && publisher->audio_codec != CODEC_OPUS) {
        problem = "its audio codec must be opus";
    } else if (publisher->width % 2 != 0 || publisher->height % 2 != 0 ||
               (publisher->width != 0 && publisher->width < 160) ||
               (publisher->height != 0 && publisher->height < 64) || publisher->width > 4096 ||
               publisher->height > 4096) {
        problem = "its picture must be even and between 160x64 and 4096x4096";
    } else if (publisher->fps > 120) {
        problem = "its frame rate must be at most 120";
    }
    if (problem != NULL) {
        g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_CONFIG,
                    "The publisher \"%s\" is not possible: %s.",
                    publisher->identity != NULL ? publisher->identity : "", problem);
        return false;
    }
    return true;
}

static bool check_config(const EmbeddedRoomConfig *config, GError **error)
{
    if (config->publisher_count > EMBEDDED_ROOM_MAX_PUBLISHERS) {
        g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_CONFIG,
                    "A room takes at most %d publishers, not %u.", EMBEDDED_ROOM_MAX_PUBLISHERS,
                    config->publisher_count);
        return false;
    }
    for (unsigned i = 0; i < config->publisher_count; i++) {
        if (!check_publisher(&config->publishers[i], error)) {
            return false;
        }
    }
    return true;
}

static bool listen_on(EmbeddedRoom *room, unsigned port, GError **error)
{
    g_autoptr(GError) cause = NULL;
    room->server = soup_server_new(NULL, NULL);
    soup_server_remove_websocket_extension(room->server, SOUP_TYPE_WEBSOCKET_EXTENSION_DEFLATE);
    soup_server_add_handler(room->server, NULL, on_request, room, NULL);
    soup_server_add_handler(room->server, "/rtc", on_request, room, NULL);
    soup_server_add_websocket_handler(room->server, "/rtc", NULL, NULL, on_websocket, room, NULL);
    if (!soup_server_listen_local(room->server, port, SOUP_SERVER_LISTEN_IPV4_ONLY, &cause)) {
        g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_LISTEN,
                    "Cannot listen on 127.0.0.1:%u: %s.", port, cause->message);
        return false;
    }
    GSList *const uris = soup_server_get_uris(room->server);
    room->port = (unsigned)g_uri_get_port(uris->data);
    g_slist_free_full(uris, (GDestroyNotify)g_uri_unref);
    room->url = g_strdup_printf("ws://127.0.0.1:%u", room->port);
    return true;
}

EmbeddedRoom *embedded_room_new(const EmbeddedRoomConfig *config, GError **error)
{
    if (!check_config(config, error)) {
        return NULL;
    }
    g_autoptr(EmbeddedRoom) room = g_new0(EmbeddedRoom, 1);
    room->api_key = g_strdup(config->api_key != NULL ? config->api_key : DEFAULT_API_KEY);
    room->api_secret =
        config->api_secret != NULL ? g_strdup(config->api_secret) : room_admission_make_secret();
    room->name = g_strdup(config->room_name != NULL ? config->room_name : DEFAULT_ROOM);
    room->sessions = g_ptr_array_new_with_free_func((GDestroyNotify)room_session_free);
    room->ended = g_array_new(FALSE, FALSE, sizeof(unsigned));
    room->next_id = 1;
    room_roster_make_sid("RM_", room->sid);
    if (!load_faults(room, config->faults, error)) {
        return NULL;
    }
    const MediaHubOut out = {
        .owner = room,
        .local = on_local,
        .candidate = on_candidate,
        .state = on_state,
        .keyframe_wanted = on_keyframe_wanted,
    };
    room->hub = media_hub_new(NULL, &room->script, &room->clock,
                              config->random_seed != 0 ? config->random_seed : 1, out);
    room->roster = room_roster_new(config, &room->script, room->hub);
    room->is_load = config->is_load;
    if (room->is_load && !room_roster_load(room->roster, error)) {
        return NULL;
    }
    if (!room_roster_update(room->roster, 0, error) || !listen_on(room, config->port, error)) {
        return NULL;
    }
    return g_steal_pointer(&room);
}

void embedded_room_free(EmbeddedRoom *room)
{
    if (room == NULL) {
        return;
    }
    if (room->script_timer != 0) {
        g_source_remove(room->script_timer);
    }
    if (room->reaper != 0) {
        g_source_remove(room->reaper);
    }
    g_ptr_array_unref(room->sessions);
    g_array_unref(room->ended);
    room_roster_free(room->roster);
    media_hub_free(room->hub);
    if (room->server != NULL) {
        soup_server_disconnect(room->server);
        g_object_unref(room->server);
    }
    g_free(room->api_key);
    g_free(room->api_secret);
    g_free(room->name);
    g_free(room->url);
    g_free(room);
}

unsigned embedded_room_port(const EmbeddedRoom *room)
{
    return room->port;
}

const char *embedded_room_url(const EmbeddedRoom *room)
{
    return room->url;
}

const char *embedded_room_api_key(const EmbeddedRoom *room)
{
    return room->api_key;
}

const char *embedded_room_api_secret(const EmbeddedRoom *room)
{
    return room->api_secret;
}

void embedded_room_stats(EmbeddedRoom *room, EmbeddedRoomStats *ret_stats)
{
    const DownlinkCounters *const counters = media_hub_counters(room->hub);
    LoadCounters *const load = media_hub_load_counters(room->hub);
    const MediaSourceStats media = room_roster_stats(room->roster);
    *ret_stats = (EmbeddedRoomStats){
        .subscribers = room->sessions->len - room->ended->len,
        .subscribers_total = room->subscribers_total,
        .packets_sent = atomic_load(&counters->packets_sent),
        .packets_dropped = atomic_load(&counters->packets_dropped),
        .retransmissions = atomic_load(&counters->retransmissions),
        .nacks = atomic_load(&counters->nacks),
        .plis = atomic_load(&counters->plis),
        .receiver_reports = atomic_load(&counters->receiver_reports),
        .malformed_requests = room->malformed_requests,
        .load_packets = atomic_exchange(&load->packets, 0),
        .load_unsent = atomic_exchange(&load->unsent, 0),
        .load_late_ms = load_counters_take_late_ms(load, 0.99),
        .video_frames = media.video_frames,
        .skipped = media.skipped,
        .audio_frames = media.audio_frames,
        .last_video_number = media.video_number,
    };
    if (room_roster_count(room->roster) > 0) {
        ret_stats->first_start_ns =
            room_roster_publisher(room->roster, 0)->timeline.start_monotonic_ns;
    }
}
