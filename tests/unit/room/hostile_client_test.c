#include <libsoup/soup.h>
#include <string.h>

#include "livekit.pb-c.h"
#include "room/embedded_room.h"
#include "room_test.h"
#include "signal/access_token.h"

/* A client that only has a socket. */
typedef struct {
    EmbeddedRoom *room;
    SoupSession *session;
    SoupWebsocketConnection *socket;
    bool failed;
} Client;

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
    Client *const client = data;
    client->socket = soup_session_websocket_connect_finish(SOUP_SESSION(source), result, NULL);
    client->failed = client->socket == NULL;
}

static Client connect_client(void)
{
    static const EmbeddedPublisher ALICE = {.identity = "alice", .audio_codec = CODEC_OPUS};
    const EmbeddedRoomConfig config = {.publishers = &ALICE, .publisher_count = 1};
    Client client = {.room = embedded_room_new(&config, NULL), .session = soup_session_new()};
    const AccessTokenOptions options = {
        .api_key = embedded_room_api_key(client.room),
        .api_secret = embedded_room_api_secret(client.room),
        .identity = "stranger",
        .room = "demo",
        .valid_seconds = 60,
    };
    g_autofree char *token = access_token_new(&options);
    g_autofree char *url =
        g_strdup_printf("%s/rtc?access_token=%s", embedded_room_url(client.room), token);
    g_autoptr(SoupMessage) message = soup_message_new("GET", url);
    soup_session_websocket_connect_async(client.session, message, NULL, NULL, 0, NULL, on_connected,
                                         &client);
    while (client.socket == NULL && !client.failed) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_nonnull(client.socket);
    return client;
}

static void close_client(Client *client)
{
    g_object_unref(client->socket);
    g_object_unref(client->session);
    embedded_room_free(client->room);
    while (g_main_context_iteration(NULL, FALSE)) {
        continue;
    }
}

static void send_request(Client *client, const Livekit__SignalRequest *request)
{
    const size_t size = livekit__signal_request__get_packed_size(request);
    g_autofree uint8_t *data = g_malloc(size + 1);
    livekit__signal_request__pack(request, data);
    soup_websocket_connection_send_binary(client->socket, data, size);
}

static void send_answer(Client *client, const char *sdp, uint32_t id)
{
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    Livekit__SessionDescription answer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    answer.type = (char *)"answer";
    answer.sdp = (char *)sdp;
    answer.id = id;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER;
    request.answer = &answer;
    send_request(client, &request);
}

static void send_trickle(Client *client, const char *json)
{
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    Livekit__TrickleRequest trickle = LIVEKIT__TRICKLE_REQUEST__INIT;
    trickle.candidate_init = (char *)json;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRICKLE;
    request.trickle = &trickle;
    send_request(client, &request);
}

static void wait_malformed(const Client *client, uint64_t count)
{
    EmbeddedRoomStats stats = {0};
    const gint64 deadline = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
    do {
        g_main_context_iteration(NULL, TRUE);
        embedded_room_stats(client->room, &stats);
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    } while (stats.malformed_requests < count);
    g_assert_cmpuint(stats.malformed_requests, ==, count);
}

static void test_garbage_is_counted(void)
{
    Client client = connect_client();
    static const char *const ANSWERS[] = {"", "v=0", "nonsense\r\n", "v=0\r\nm=audio 9 X 0\r\n"};
    static const char *const TRICKLES[] = {"", "{", "[]", "null"};
    uint64_t count = 0;
    soup_websocket_connection_send_binary(client.socket, "\xff\xff\xff\xff", 4);
    soup_websocket_connection_send_binary(client.socket, "\x12\x7f\x0a", 3);
    soup_websocket_connection_send_text(client.socket, "{\"answer\":");
    count += 3;
    for (unsigned id = 0; id < 260; id += 20) {
        for (size_t i = 0; i < G_N_ELEMENTS(ANSWERS); i++) {
            send_answer(&client, ANSWERS[i], id);
            count++;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(TRICKLES); i++) {
        send_trickle(&client, TRICKLES[i]);
        count++;
    }
    wait_malformed(&client, count);
    g_assert_cmpint(soup_websocket_connection_get_state(client.socket), ==,
                    SOUP_WEBSOCKET_STATE_OPEN);
    close_client(&client);
}

static void test_odd_candidates_are_harmless(void)
{
    Client client = connect_client();
    send_trickle(&client, "{}");
    send_trickle(&client, "{\"candidate\": \"\"}");
    send_trickle(&client, "{\"candidate\": \"candidate:x y z\"}");
    send_trickle(&client, "{\"candidate\": [1]}");
    send_trickle(&client, "{\"candidate\": 7}");
    send_trickle(&client, "[");
    wait_malformed(&client, 1);
    close_client(&client);
}

static void test_too_large_a_frame_closes(void)
{
    Client client = connect_client();
    g_autofree char *big = g_strnfill(2u << 20, 'x');
    soup_websocket_connection_send_text(client.socket, big);
    while (soup_websocket_connection_get_state(client.socket) == SOUP_WEBSOCKET_STATE_OPEN) {
        g_main_context_iteration(NULL, TRUE);
    }
    close_client(&client);
}

void hostile_client_test_add(void)
{
    g_test_add_func("/room/hostile-client/garbage-is-counted", test_garbage_is_counted);
    g_test_add_func("/room/hostile-client/odd-candidates", test_odd_candidates_are_harmless);
    g_test_add_func("/room/hostile-client/too-large-a-frame", test_too_large_a_frame_closes);
}
