#include <libsoup/soup.h>
#include <string.h>

#include "base/clock.h"
#include "signal/access_token.h"
#include "signal/messages.h"
#include "signal/signal_client.h"
#include "signal_test.h"

/* A LiveKit server as far as a test needs one: it answers a join, then what the test asks for. */
typedef struct {
    SoupServer *server;
    char *url;
    SoupWebsocketConnection *connection;
    bool says_join, may_subscribe;
    GString *queries; /* of every request for a socket */
    int refuse_status, validate_status;
    const char *validate_text;
    bool token_in_url, bearer_seen, deflate_offered;
    GString *requests;

    SignalClient *client;
    GString *events;
    OutcomeCode code;
    char *sentence;
    SignalFailure failure;
    bool ended, free_in_joined;
} Fixture;

static char *test_token(int64_t valid_seconds)
{
    const AccessTokenOptions options = {.api_key = "k",
                                        .api_secret = "s",
                                        .identity = "rec",
                                        .room = "demo",
                                        .valid_seconds = valid_seconds,
                                        .recorder = true};
    return access_token_new(&options);
}

static void server_send(Fixture *fixture, const Livekit__SignalResponse *response)
{
    g_autoptr(GBytes) bytes = signal_response_format(response);
    soup_websocket_connection_send_message(fixture->connection, SOUP_WEBSOCKET_DATA_BINARY, bytes);
}

static void server_send_join(Fixture *fixture)
{
    Livekit__Room room = LIVEKIT__ROOM__INIT;
    room.name = (char *)"demo";
    room.sid = (char *)"RM_1";
    Livekit__ParticipantInfo self = LIVEKIT__PARTICIPANT_INFO__INIT;
    self.sid = (char *)"PA_self";
    self.identity = (char *)"rec";
    Livekit__ParticipantPermission permission = LIVEKIT__PARTICIPANT_PERMISSION__INIT;
    permission.can_subscribe = fixture->may_subscribe;
    self.permission = &permission;
    Livekit__ParticipantInfo other = LIVEKIT__PARTICIPANT_INFO__INIT;
    other.sid = (char *)"PA_1";
    other.identity = (char *)"ann";
    Livekit__ParticipantInfo *others[] = {&other, &self};
    char *urls[] = {(char *)"turn:a", (char *)"stun:b"};
    Livekit__ICEServer ice = LIVEKIT__ICESERVER__INIT;
    ice.n_urls = 2;
    ice.urls = urls;
    Livekit__ICEServer *ices[] = {&ice};
    Livekit__JoinResponse join = LIVEKIT__JOIN_RESPONSE__INIT;
    join.room = &room;
    join.participant = &self;
    join.n_other_participants = 2;
    join.other_participants = others;
    join.n_ice_servers = 1;
    join.ice_servers = ices;
    join.ping_interval = 1;
    join.ping_timeout = 1;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN;
    response.join = &join;
    server_send(fixture, &response);
}

static void on_server_message(SoupWebsocketConnection *connection, int type, GBytes *bytes,
                              gpointer data)
{
    (void)connection;
    Fixture *fixture = data;
    g_assert_cmpint(type, ==, SOUP_WEBSOCKET_DATA_BINARY);
    g_autoptr(Livekit__SignalRequest) request =
        signal_request_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_assert_nonnull(request);
    g_string_append_printf(fixture->requests, "%d ", (int)request->message_case);
}

static void on_upgraded(SoupServer *server, SoupServerMessage *message, const char *path,
                        SoupWebsocketConnection *connection, gpointer data)
{
    (void)server;
    (void)message;
    (void)path;
    Fixture *fixture = data;
    g_set_object(&fixture->connection, connection);
    g_signal_connect(connection, "message", G_CALLBACK(on_server_message), fixture);
    if (fixture->says_join)
        server_send_join(fixture);
}

static void on_early(SoupServer *server, SoupServerMessage *message, const char *path,
                     GHashTable *query, gpointer data)
{
    (void)server;
    (void)query;
    Fixture *fixture = data;
    SoupMessageHeaders *headers = soup_server_message_get_request_headers(message);
    const char *bearer = soup_message_headers_get_one(headers, "Authorization");
    const char *extensions = soup_message_headers_get_list(headers, "Sec-WebSocket-Extensions");
    g_autofree char *uri = g_uri_to_string(soup_server_message_get_uri(message));
    fixture->bearer_seen = bearer != NULL && g_str_has_prefix(bearer, "Bearer ey");
    fixture->token_in_url = fixture->token_in_url || strstr(uri, "ey") != NULL;
    if (strstr(uri, "reconnect=1"))
        g_string_append_printf(fixture->queries, "%s ", strstr(uri, "reconnect=1"));
    fixture->deflate_offered = fixture->deflate_offered || extensions != NULL;
    const bool is_validate = g_str_has_suffix(path, "/validate");
    const char *text = fixture->validate_text != NULL ? fixture->validate_text : "";
    if (is_validate) {
        soup_server_message_set_status(message, (guint)fixture->validate_status, NULL);
        soup_server_message_set_response(message, "text/plain", SOUP_MEMORY_COPY, text,
                                         strlen(text));
    } else if (fixture->refuse_status != 0) {
        soup_server_message_set_status(message, (guint)fixture->refuse_status, NULL);
    }
}

static void on_joined(void *owner, const SignalJoin *join)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "joined:%s/%s/%s/%u ", join->room_name, join->room_sid,
                           join->participant_sid, join->ice_server_count);
    if (fixture->free_in_joined) {
        g_clear_pointer(&fixture->client, signal_client_free);
        fixture->ended = true;
    }
}

static void on_resumed(void *owner, const SignalIceServer *servers, unsigned server_count)
{
    Fixture *fixture = owner;
    g_string_append(fixture->events, "resumed");
    for (unsigned i = 0; i < server_count; i++)
        g_string_append_printf(fixture->events, "/%s %s %s", servers[i].url, servers[i].username,
                               servers[i].credential);
    g_string_append_c(fixture->events, ' ');
}

static void on_offer(void *owner, const char *sdp, uint32_t id, GHashTable *mids)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "offer:%s/%u/%s ", sdp, id,
                           (const char *)g_hash_table_lookup(mids, "0"));
}

static void on_candidate(void *owner, const char *candidate)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "candidate:%s ", candidate != NULL ? candidate : "-");
}

static void on_room_updated(void *owner, const char *sid, const char *name)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "room:%s/%s ", sid, name);
}

static void on_subscription_failed(void *owner, const char *sid, int error)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "subscription:%s/%d ", sid, error);
}

static void on_permission(void *owner, const char *sid, bool allowed)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "permission:%s/%d ", sid, allowed);
}

static void on_paused(void *owner, const char *sid, bool paused)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "paused:%s/%d ", sid, paused);
}

static void on_leave(void *owner, LeaveAction action, int reason, const char *name)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "leave:%d/%d/%s ", (int)action, reason, name);
    fixture->ended = true;
}

static void on_failed(void *owner, SignalFailure failure, OutcomeCode code, const char *sentence)
{
    Fixture *fixture = owner;
    g_assert_false(fixture->ended);
    fixture->failure = failure;
    g_free(fixture->sentence);
    fixture->code = code;
    fixture->sentence = g_strdup(sentence);
    fixture->ended = true;
}

static void on_participant(void *owner, const Participant *participant)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "+%s ", participant->identity);
}

static void set_up(Fixture *fixture)
{
    *fixture = (Fixture){.says_join = true, .may_subscribe = true};
    fixture->events = g_string_new(NULL);
    fixture->requests = g_string_new(NULL);
    fixture->queries = g_string_new(NULL);
    fixture->server = soup_server_new(NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(
        soup_server_listen_local(fixture->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error));
    soup_server_add_early_handler(fixture->server, "/rtc", on_early, fixture, NULL);
    soup_server_add_websocket_handler(fixture->server, "/rtc", NULL, NULL, on_upgraded, fixture,
                                      NULL);
    GSList *uris = soup_server_get_uris(fixture->server);
    fixture->url = g_strdup_printf("ws://127.0.0.1:%d", g_uri_get_port(uris->data));
    g_slist_free_full(uris, (GDestroyNotify)g_uri_unref);
}

static void tear_down(Fixture *fixture)
{
    signal_client_free(fixture->client);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    if (fixture->connection != NULL)
        g_signal_handlers_disconnect_by_data(fixture->connection, fixture);
    g_clear_object(&fixture->connection);
    soup_server_disconnect(fixture->server);
    g_object_unref(fixture->server);
    g_free(fixture->url);
    g_free(fixture->sentence);
    g_string_free(fixture->events, TRUE);
    g_string_free(fixture->requests, TRUE);
    g_string_free(fixture->queries, TRUE);
}

static void start_with(Fixture *fixture, const char *url, const char *token)
{
    const SignalClientConfig config = {
        .url = url, .token = token, .connect_timeout_ns = 5 * NS_PER_SECOND};
    const SignalClientOut out = {
        .owner = fixture,
        .joined = on_joined,
        .resumed = on_resumed,
        .offer = on_offer,
        .candidate = on_candidate,
        .room_updated = on_room_updated,
        .subscription_failed = on_subscription_failed,
        .subscription_permission = on_permission,
        .stream_paused = on_paused,
        .leave = on_leave,
        .failed = on_failed,
    };
    const RoomViewOut room_out = {.owner = fixture, .participant_joined = on_participant};
    fixture->client = signal_client_new(&config, out, room_out);
    g_assert_false(fixture->ended);
}

static void start(Fixture *fixture)
{
    g_autofree char *token = test_token(60);
    start_with(fixture, fixture->url, token);
}

static void run_until_event(Fixture *fixture, const char *event)
{
    const int64_t deadline_ns = clock_monotonic_ns() + 20 * NS_PER_SECOND;
    while (strstr(fixture->events->str, event) == NULL) {
        g_assert_cmpint(clock_monotonic_ns(), <, deadline_ns);
        g_assert_false(fixture->ended);
        g_main_context_iteration(NULL, TRUE);
    }
}

static void run_until_end(Fixture *fixture)
{
    const int64_t deadline_ns = clock_monotonic_ns() + 20 * NS_PER_SECOND;
    while (!fixture->ended) {
        g_assert_cmpint(clock_monotonic_ns(), <, deadline_ns);
        g_main_context_iteration(NULL, TRUE);
    }
}

static void test_join(void)
{
    Fixture fixture;
    set_up(&fixture);
    start(&fixture);
    run_until_event(&fixture, "+ann");
    g_assert_cmpstr(fixture.events->str, ==, "joined:demo/RM_1/PA_self/2 +ann ");
    g_assert_true(fixture.bearer_seen);
    g_assert_false(fixture.token_in_url);
    g_assert_false(fixture.deflate_offered);
    g_assert_nonnull(room_view_find(signal_client_room(fixture.client), "ann"));
    tear_down(&fixture);
}

/* {"alg":"HS256"} and {"sub":"me"}; "eyNew" is no token. */
static const char new_token[] = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.AA";

static void test_messages(void)
{
    Fixture fixture;
    set_up(&fixture);
    start(&fixture);
    run_until_event(&fixture, "+ann");

    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__SessionDescription__MidToTrackIdEntry entry =
        LIVEKIT__SESSION_DESCRIPTION__MID_TO_TRACK_ID_ENTRY__INIT;
    entry.key = (char *)"0";
    entry.value = (char *)"TR_1";
    Livekit__SessionDescription__MidToTrackIdEntry *entries[] = {&entry};
    Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    offer.type = (char *)"offer";
    offer.sdp = (char *)"v=0";
    offer.id = 7;
    offer.n_mid_to_track_id = 1;
    offer.mid_to_track_id = entries;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER;
    response.offer = &offer;
    server_send(&fixture, &response);

    Livekit__TrickleRequest trickle = LIVEKIT__TRICKLE_REQUEST__INIT;
    trickle.candidate_init = (char *)"{\"candidate\":\"c1\"}";
    trickle.target = LIVEKIT__SIGNAL_TARGET__SUBSCRIBER;
    trickle.final = 1;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRICKLE;
    response.trickle = &trickle;
    server_send(&fixture, &response);

    Livekit__SubscriptionResponse failed = LIVEKIT__SUBSCRIPTION_RESPONSE__INIT;
    failed.track_sid = (char *)"TR_1";
    failed.err = LIVEKIT__SUBSCRIPTION_ERROR__SE_TRACK_NOTFOUND;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE;
    response.subscription_response = &failed;
    server_send(&fixture, &response);

    Livekit__SubscriptionPermissionUpdate permission =
        LIVEKIT__SUBSCRIPTION_PERMISSION_UPDATE__INIT;
    permission.track_sid = (char *)"TR_1";
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_PERMISSION_UPDATE;
    response.subscription_permission_update = &permission;
    server_send(&fixture, &response);

    Livekit__StreamStateInfo state = LIVEKIT__STREAM_STATE_INFO__INIT;
    Livekit__StreamStateInfo *states[] = {&state};
    state.track_sid = (char *)"TR_1";
    state.state = LIVEKIT__STREAM_STATE__STREAM_PAUSED;
    Livekit__StreamStateUpdate paused = LIVEKIT__STREAM_STATE_UPDATE__INIT;
    paused.n_stream_states = 1;
    paused.stream_states = states;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_STREAM_STATE_UPDATE;
    response.stream_state_update = &paused;
    server_send(&fixture, &response);

    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REFRESH_TOKEN;
    response.refresh_token = (char *)"eyNew";
    server_send(&fixture, &response);
    response.refresh_token = (char *)new_token;
    server_send(&fixture, &response);

    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    leave.reason = LIVEKIT__DISCONNECT_REASON__ROOM_DELETED;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
    response.leave = &leave;
    server_send(&fixture, &response);

    run_until_end(&fixture);
    g_assert_cmpstr(fixture.events->str, ==,
                    "joined:demo/RM_1/PA_self/2 +ann offer:v=0/7/TR_1 candidate:c1 candidate:- "
                    "subscription:TR_1/2 permission:TR_1/0 paused:TR_1/1 leave:0/5/ROOM_DELETED ");
    g_assert_cmpstr(signal_client_token(fixture.client), ==, new_token);
    g_assert_cmpuint(signal_client_stats(fixture.client).malformed, ==, 1);
    g_assert_cmpuint(signal_client_stats(fixture.client).token_refreshes, ==, 1);
    tear_down(&fixture);
}

static void test_malformed(void)
{
    Fixture fixture;
    set_up(&fixture);
    start(&fixture);
    run_until_event(&fixture, "+ann");
    g_autoptr(GBytes) junk = g_bytes_new_static("\x0a\xff\xff", 3);
    soup_websocket_connection_send_message(fixture.connection, SOUP_WEBSOCKET_DATA_BINARY, junk);
    soup_websocket_connection_send_text(fixture.connection, "{\"leave\":{}}");
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    offer.type = (char *)"rollback";
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER;
    response.offer = &offer;
    server_send(&fixture, &response);
    Livekit__TrickleRequest trickle = LIVEKIT__TRICKLE_REQUEST__INIT;
    trickle.candidate_init = (char *)"nonsense";
    trickle.target = LIVEKIT__SIGNAL_TARGET__SUBSCRIBER;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRICKLE;
    response.trickle = &trickle;
    server_send(&fixture, &response);
    /* a message of 200 kB, over libsoup's own limit, is still read */
    g_autofree char *large = g_strnfill(200 * 1000, 'x');
    offer.type = (char *)"offer";
    offer.sdp = large;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER;
    response.offer = &offer;
    server_send(&fixture, &response);

    run_until_event(&fixture, "offer:xxx");
    g_assert_cmpuint(signal_client_stats(fixture.client).malformed, ==, 4);
    tear_down(&fixture);
}

static void test_oversized(void)
{
    Fixture fixture;
    set_up(&fixture);
    start(&fixture);
    run_until_event(&fixture, "+ann");
    const size_t size = 16 * 1024 * 1024 + 1;
    g_autoptr(GBytes) huge = g_bytes_new_take(g_malloc0(size), size);
    soup_websocket_connection_send_message(fixture.connection, SOUP_WEBSOCKET_DATA_BINARY, huge);
    run_until_end(&fixture);
    g_assert_cmpint(fixture.code, ==, CODE_SERVER_UNREACHABLE);
    g_assert_cmpint(fixture.failure, ==, SIGNAL_LOST);
    tear_down(&fixture);
}

static void test_refused(void)
{
    static const struct {
        int refuse, validate;
        const char *text;
        OutcomeCode code;
        const char *says;
    } cases[] = {
        {401, 401, "invalid API key: k", CODE_UNAUTHORIZED, "invalid API key"},
        {401, 401, "token is expired", CODE_TOKEN_EXPIRED, "make a new one"},
        {403, 403, "no", CODE_UNAUTHORIZED, "does not accept"},
        {400, 400, "no room name", CODE_BAD_REQUEST, "no room name"},
        {404, 404, "requested room does not exist", CODE_NO_SUCH_ROOM, "does not exist"},
        {404, 404, "404 page not found", CODE_SERVER_UNREACHABLE, "no LiveKit server"},
        {503, 503, "limit\nexceeded.", CODE_SERVER_FULL, "more participants: limit exceeded."},
        {500, 500, "", CODE_SERVER_UNREACHABLE, "HTTP 500"},
        {400, 200, "success", CODE_SERVER_UNREACHABLE, "proxy"},
        {500, 200, "success", CODE_SERVER_FULL, "room is full"},
        {302, 302, "", CODE_SERVER_UNREACHABLE, "HTTP 302"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture fixture;
        set_up(&fixture);
        fixture.refuse_status = cases[i].refuse;
        fixture.validate_status = cases[i].validate;
        fixture.validate_text = cases[i].text;
        start(&fixture);
        run_until_end(&fixture);
        g_test_message("%s", fixture.sentence);
        g_assert_cmpstr(outcome_code_name(fixture.code), ==, outcome_code_name(cases[i].code));
        g_assert_nonnull(strstr(fixture.sentence, cases[i].says));
        g_assert_cmpint(fixture.failure, ==, SIGNAL_REFUSED);
        g_assert_true(fixture.bearer_seen);
        g_assert_false(fixture.token_in_url);
        tear_down(&fixture);
    }
}

static void test_refused_expired(void)
{
    Fixture fixture;
    set_up(&fixture);
    fixture.refuse_status = fixture.validate_status = 401;
    fixture.validate_text = "no";
    g_autofree char *token = test_token(-100);
    start_with(&fixture, fixture.url, token);
    run_until_end(&fixture);
    g_assert_cmpint(fixture.code, ==, CODE_TOKEN_EXPIRED);
    tear_down(&fixture);
}

static void test_token_is_never_told(void)
{
    Fixture fixture;
    set_up(&fixture);
    g_autofree char *token = test_token(60);
    fixture.refuse_status = fixture.validate_status = 401;
    fixture.validate_text = token;
    start_with(&fixture, fixture.url, token);
    run_until_end(&fixture);
    g_assert_null(strstr(fixture.sentence, token));
    g_assert_null(strstr(fixture.sentence, strrchr(token, '.')));
    g_assert_nonnull(strstr(fixture.sentence, "[token]"));
    tear_down(&fixture);
}

static void test_not_even_asked(void)
{
    g_autofree char *token = test_token(60);
    const struct {
        const char *url, *token;
        OutcomeCode code;
    } cases[] = {
        {"ftp://a", token, CODE_BAD_REQUEST},
        {NULL, token, CODE_BAD_REQUEST},
        {"ws://127.0.0.1:1", "nonsense", CODE_UNAUTHORIZED},
        {"ws://127.0.0.1:1", NULL, CODE_UNAUTHORIZED},
        {"ws://127.0.0.1:1", token, CODE_SERVER_UNREACHABLE},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture fixture;
        set_up(&fixture);
        start_with(&fixture, cases[i].url, cases[i].token);
        run_until_end(&fixture);
        g_assert_cmpint(fixture.code, ==, cases[i].code);
        tear_down(&fixture);
    }
}

static void test_ping_timeout(void)
{
    Fixture fixture;
    set_up(&fixture);
    start(&fixture);
    run_until_event(&fixture, "+ann");
    run_until_end(&fixture);
    g_assert_cmpint(fixture.code, ==, CODE_SERVER_UNREACHABLE);
    g_assert_nonnull(strstr(fixture.sentence, "pings"));
    g_assert_cmpint(fixture.failure, ==, SIGNAL_LOST);
    tear_down(&fixture);
}

static void test_lost(void)
{
    Fixture fixture;
    set_up(&fixture);
    start(&fixture);
    run_until_event(&fixture, "+ann");
    soup_websocket_connection_close(fixture.connection, SOUP_WEBSOCKET_CLOSE_GOING_AWAY, NULL);
    run_until_end(&fixture);
    g_assert_cmpint(fixture.code, ==, CODE_SERVER_UNREACHABLE);
    g_assert_nonnull(strstr(fixture.sentence, "1001"));
    g_assert_cmpint(fixture.failure, ==, SIGNAL_LOST);
    tear_down(&fixture);
}

/* Joins, loses the socket, and asks for a new one; the server has not answered yet. */
static void lose_and_resume(Fixture *fixture)
{
    start(fixture);
    run_until_event(fixture, "+ann");
    signal_client_subscribe(fixture->client, "PA_1", "TR_1", true);
    soup_websocket_connection_close(fixture->connection, SOUP_WEBSOCKET_CLOSE_GOING_AWAY, NULL);
    run_until_end(fixture);
    g_assert_true(signal_client_can_resume(fixture->client));
    fixture->says_join = fixture->ended = false;
    g_clear_object(&fixture->connection);
    const SignalResume resume = {.reason = 1, .timeout_ns = 5 * NS_PER_SECOND};
    signal_client_resume(fixture->client, &resume);
}

static void await_socket(Fixture *fixture)
{
    const int64_t deadline_ns = clock_monotonic_ns() + 20 * NS_PER_SECOND;
    while (fixture->connection == NULL) {
        g_assert_cmpint(clock_monotonic_ns(), <, deadline_ns);
        g_main_context_iteration(NULL, TRUE);
    }
}

static void test_resume(void)
{
    Fixture fixture;
    set_up(&fixture);
    lose_and_resume(&fixture);
    await_socket(&fixture);
    g_assert_cmpstr(fixture.queries->str, ==, "reconnect=1&sid=PA_self&reconnect_reason=1 ");
    char *urls[] = {(char *)"turn:a", (char *)"turn:b"};
    Livekit__ICEServer ice = LIVEKIT__ICESERVER__INIT;
    ice.n_urls = 2;
    ice.urls = urls;
    ice.username = (char *)"new";
    ice.credential = (char *)"secret";
    Livekit__ICEServer *ices[] = {&ice};
    Livekit__ReconnectResponse reconnect = LIVEKIT__RECONNECT_RESPONSE__INIT;
    reconnect.n_ice_servers = 1;
    reconnect.ice_servers = ices;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT;
    response.reconnect = &reconnect;
    server_send(&fixture, &response);
    run_until_event(&fixture, "resumed");
    /* the table stays: nobody comes anew */
    g_assert_cmpstr(fixture.events->str, ==,
                    "joined:demo/RM_1/PA_self/2 +ann "
                    "resumed/turn:a new secret/turn:b new secret ");
    /* a second one means nothing, and the session goes on as before */
    server_send(&fixture, &response);
    Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    offer.type = (char *)"offer";
    offer.sdp = (char *)"v=0";
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER;
    response.offer = &offer;
    server_send(&fixture, &response);
    run_until_event(&fixture, "offer:v=0");
    /* subscription on the old socket, sync_state on the new one */
    g_assert_true(g_str_has_prefix(fixture.requests->str, "6 12 "));
    tear_down(&fixture);
}

static void test_resume_is_answered_otherwise(void)
{
    Fixture fixture;
    set_up(&fixture);
    lose_and_resume(&fixture);
    await_socket(&fixture);
    server_send_join(&fixture);
    run_until_end(&fixture);
    g_assert_cmpint(fixture.failure, ==, SIGNAL_REFUSED);
    g_assert_nonnull(strstr(fixture.sentence, "does not know our session"));

    fixture.ended = false;
    g_clear_object(&fixture.connection);
    const SignalResume resume = {.reason = 3, .timeout_ns = NS_PER_SECOND / 10};
    signal_client_resume(fixture.client, &resume);
    await_socket(&fixture); /* which says nothing */
    run_until_end(&fixture);
    g_assert_cmpint(fixture.failure, ==, SIGNAL_UNREACHABLE);
    g_assert_nonnull(strstr(fixture.sentence, "did not answer in time"));

    fixture.ended = false;
    g_clear_object(&fixture.connection);
    signal_client_resume(fixture.client, &resume);
    await_socket(&fixture);
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    leave.reason = LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH;
    leave.action = LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
    response.leave = &leave;
    server_send(&fixture, &response);
    run_until_end(&fixture);
    g_assert_true(g_str_has_suffix(fixture.events->str, "leave:2/6/STATE_MISMATCH "));
    tear_down(&fixture);
}

static void test_resume_is_refused(void)
{
    Fixture fixture;
    set_up(&fixture);
    fixture.validate_status = 503;
    start(&fixture);
    run_until_event(&fixture, "+ann");
    fixture.refuse_status = 503;
    const SignalResume resume = {.reason = 1, .timeout_ns = 5 * NS_PER_SECOND};
    signal_client_resume(fixture.client, &resume);
    run_until_end(&fixture);
    g_assert_cmpint(fixture.failure, ==, SIGNAL_REFUSED);

    soup_server_disconnect(fixture.server);
    fixture.ended = false;
    signal_client_resume(fixture.client, &resume);
    run_until_end(&fixture);
    g_assert_cmpint(fixture.failure, ==, SIGNAL_UNREACHABLE);
    tear_down(&fixture);
}

static void test_leave_instead_of_join(void)
{
    Fixture fixture;
    set_up(&fixture);
    fixture.says_join = false;
    start(&fixture);
    while (fixture.connection == NULL)
        g_main_context_iteration(NULL, TRUE);
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    leave.reason = LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
    response.leave = &leave;
    server_send(&fixture, &response);
    run_until_end(&fixture);
    g_assert_cmpint(fixture.code, ==, CODE_DUPLICATE_IDENTITY);
    g_assert_cmpint(fixture.failure, ==, SIGNAL_REFUSED);
    tear_down(&fixture);
}

static void test_may_not_subscribe(void)
{
    Fixture fixture;
    set_up(&fixture);
    fixture.may_subscribe = false;
    start(&fixture);
    run_until_end(&fixture);
    g_assert_cmpint(fixture.code, ==, CODE_SUBSCRIPTION_DENIED);
    g_assert_cmpint(fixture.failure, ==, SIGNAL_REFUSED);
    g_assert_cmpstr(fixture.events->str, ==, "");
    tear_down(&fixture);
}

static void test_requests_and_goodbye(void)
{
    Fixture fixture;
    set_up(&fixture);
    start(&fixture);
    run_until_event(&fixture, "+ann");
    signal_client_subscribe(fixture.client, "PA_1", "TR_1", true);
    signal_client_track_settings(fixture.client, "TR_1", false, 0, 0);
    signal_client_answer(fixture.client, "v=0", 3);
    signal_client_candidate(fixture.client, "candidate:1");
    signal_client_candidate(fixture.client, NULL);
    g_clear_pointer(&fixture.client, signal_client_free);
    while (soup_websocket_connection_get_state(fixture.connection) != SOUP_WEBSOCKET_STATE_CLOSED)
        g_main_context_iteration(NULL, TRUE);
    /* subscription, track_setting, answer, trickle, leave */
    g_assert_cmpstr(fixture.requests->str, ==, "6 7 2 3 8 ");
    tear_down(&fixture);
}

static void test_free_anywhere(void)
{
    Fixture fixture;
    set_up(&fixture);
    start(&fixture);
    g_clear_pointer(&fixture.client, signal_client_free); /* before the loop ran */
    start(&fixture);
    g_main_context_iteration(NULL, FALSE);
    g_clear_pointer(&fixture.client, signal_client_free); /* while it connects */
    fixture.free_in_joined = true;
    start(&fixture);
    run_until_end(&fixture);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_assert_null(strchr(fixture.events->str, '+'));
    g_assert_null(fixture.sentence);
    tear_down(&fixture);
}

void signal_client_test_add(void)
{
    g_test_add_func("/signal_client/join", test_join);
    g_test_add_func("/signal_client/messages", test_messages);
    g_test_add_func("/signal_client/malformed", test_malformed);
    g_test_add_func("/signal_client/oversized", test_oversized);
    g_test_add_func("/signal_client/refused", test_refused);
    g_test_add_func("/signal_client/refused_expired", test_refused_expired);
    g_test_add_func("/signal_client/token_is_never_told", test_token_is_never_told);
    g_test_add_func("/signal_client/not_even_asked", test_not_even_asked);
    g_test_add_func("/signal_client/ping_timeout", test_ping_timeout);
    g_test_add_func("/signal_client/lost", test_lost);
    g_test_add_func("/signal_client/resume", test_resume);
    g_test_add_func("/signal_client/resume_is_answered_otherwise",
                    test_resume_is_answered_otherwise);
    g_test_add_func("/signal_client/resume_is_refused", test_resume_is_refused);
    g_test_add_func("/signal_client/leave_instead_of_join", test_leave_instead_of_join);
    g_test_add_func("/signal_client/may_not_subscribe", test_may_not_subscribe);
    g_test_add_func("/signal_client/requests_and_goodbye", test_requests_and_goodbye);
    g_test_add_func("/signal_client/free_anywhere", test_free_anywhere);
}
