#include "http_scene.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

struct HttpCall {
    GSocketConnection *connection;
    GString *request;
    GString *answer;
    char chunk[4096];
    bool is_done, ends_sending, is_sent;
};

void http_configure(Config *config, const char *settings)
{
    g_auto(GStrv) words = g_strsplit(settings, " ", -1);
    for (char **word = words; *word != NULL; word++) {
        char *value = strchr(*word, '=');
        if (value == NULL)
            continue;
        *value = '\0';
        g_assert_true(config_set(config, *word, value + 1, NULL));
    }
}

HttpScene http_scene_new(void)
{
    return http_scene_new_with("");
}

HttpScene http_scene_new_with(const char *settings)
{
    g_autoptr(GError) error = NULL;
    HttpScene scene = {.config = config_new(), .service = fake_service_new()};
    config_set(scene.config, "service.listen", "127.0.0.1:0", &error);
    g_assert_no_error(error);
    http_configure(scene.config, settings);
    scene.api = http_api_new(scene.service, scene.config, &error);
    g_assert_no_error(error);
    return scene;
}

void http_scene_clear(HttpScene *scene)
{
    http_api_free(scene->api);
    fake_service_free(scene->service);
    config_free(scene->config);
}

static void on_read(GObject *source, GAsyncResult *result, gpointer data)
{
    HttpCall *call = data;
    GInputStream *stream = G_INPUT_STREAM(source);
    const gssize size = g_input_stream_read_finish(stream, result, NULL);
    if (size <= 0) {
        call->is_done = true;
        return;
    }
    g_string_append_len(call->answer, call->chunk, size);
    g_input_stream_read_async(stream, call->chunk, sizeof call->chunk, G_PRIORITY_DEFAULT, NULL,
                              on_read, call);
}

static void end_sending(HttpCall *call)
{
    if (call->ends_sending && call->is_sent)
        g_socket_shutdown(g_socket_connection_get_socket(call->connection), FALSE, TRUE, NULL);
}

static void on_written(GObject *source, GAsyncResult *result, gpointer data)
{
    /* A server that answers early may close before it has read all. */
    HttpCall *call = data;
    g_output_stream_write_all_finish(G_OUTPUT_STREAM(source), result, NULL, NULL);
    call->is_sent = true;
    end_sending(call);
}

void http_call_end_sending(HttpCall *call)
{
    call->ends_sending = true;
    end_sending(call);
}

HttpCall *http_call_send(HttpScene *scene, const char *bytes, gssize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autofree char *host = g_strdup_printf("127.0.0.1:%u", http_api_port(scene->api));
    HttpCall *call = g_new0(HttpCall, 1);
    call->request = size < 0 ? g_string_new(bytes) : g_string_new_len(bytes, size);
    call->answer = g_string_new(NULL);
    g_string_replace(call->request, "@", host, 1);
    call->connection = g_socket_client_connect_to_host(client, host, 0, NULL, &error);
    g_assert_no_error(error);
    GIOStream *stream = G_IO_STREAM(call->connection);
    g_output_stream_write_all_async(g_io_stream_get_output_stream(stream), call->request->str,
                                    call->request->len, G_PRIORITY_DEFAULT, NULL, on_written, call);
    g_input_stream_read_async(g_io_stream_get_input_stream(stream), call->chunk, sizeof call->chunk,
                              G_PRIORITY_DEFAULT, NULL, on_read, call);
    return call;
}

bool http_call_is_done(const HttpCall *call)
{
    return call->is_done;
}

static gboolean on_deadline(gpointer data)
{
    (void)data;
    g_error("Nothing came in ten seconds.");
    return G_SOURCE_REMOVE;
}

void http_scene_run_until(bool (*is_true)(const void *data), const void *data)
{
    const guint timer = g_timeout_add_seconds(10, on_deadline, NULL);
    while (!is_true(data))
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(timer);
}

static bool call_is_over(const void *data)
{
    const HttpCall *call = data;
    return call->is_done && call->is_sent;
}

static char *call_free(HttpCall *call)
{
    char *answer = g_string_free(call->answer, FALSE);
    g_object_unref(call->connection);
    g_string_free(call->request, TRUE);
    g_free(call);
    return answer;
}

char *http_call_finish(HttpCall *call)
{
    http_scene_run_until(call_is_over, call);
    return call_free(call);
}

void http_call_hang_up(HttpCall *call)
{
    g_socket_shutdown(g_socket_connection_get_socket(call->connection), TRUE, TRUE, NULL);
    http_scene_run_until(call_is_over, call);
    g_free(call_free(call));
}

HttpCall *http_scene_begin(HttpScene *scene, const char *method, const char *path, const char *body)
{
    g_autoptr(GString) request = g_string_new(NULL);
    g_string_printf(request, "%s %s HTTP/1.1\r\nHost: @\r\nConnection: close\r\n", method, path);
    if (body != NULL)
        g_string_append_printf(request, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                               strlen(body));
    g_string_append_printf(request, "\r\n%s", body != NULL ? body : "");
    return http_call_send(scene, request->str, -1);
}

char *http_scene_call(HttpScene *scene, const char *method, const char *path, const char *body)
{
    return http_call_finish(http_scene_begin(scene, method, path, body));
}

unsigned http_answer_status(const char *answer)
{
    g_assert_true(g_str_has_prefix(answer, "HTTP/1.1 "));
    return (unsigned)atoi(answer + strlen("HTTP/1.1 "));
}

const char *http_answer_body(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    g_assert_nonnull(end);
    return end + 4;
}

JsonObject *http_answer_json(const char *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) root = json_from_string(http_answer_body(answer), &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(answer, "Content-Type: application/json"));
    return json_node_dup_object(root);
}

void http_assert_error(const char *answer, unsigned status, const char *code, const char *part)
{
    g_test_message("%s", answer);
    g_assert_cmpuint(http_answer_status(answer), ==, status);
    g_autoptr(JsonObject) body = http_answer_json(answer);
    g_assert_false(json_object_get_boolean_member(body, "success"));
    g_assert_cmpstr(json_object_get_string_member(body, "code"), ==, code);
    g_assert_nonnull(strstr(json_object_get_string_member(body, "error"), part));
    g_assert_cmpstr(json_object_get_string_member(body, "detail"), ==,
                    json_object_get_string_member(body, "error"));
}
