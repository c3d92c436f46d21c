#include "signal/handshake.h"

#include <string.h>

#include "base/clock.h"
#include "signal/access_token.h"
#include "signal/frame_meter.h"
#include "signal/join_failure.h"
#include "signal/signal_guard.h"

#define REFUSAL_MAX_BYTES 4096

struct Handshake {
    HandshakeOut out;
    char *url_text, *token, *ca_file, *resume_sid;
    int64_t timeout_ns;
    SessionQuery query;

    ServerUrl *url;
    SoupSession *session;
    SoupMessage *message; /* the request under way */
    GCancellable *cancellable;
    GSource *start_source, *deadline_source;
    GTlsCertificateFlags tls_problems;
    int upgrade_status;
};

static GSource *attach(GSource *source, GSourceFunc fn, gpointer data)
{
    g_source_set_callback(source, fn, data, NULL);
    g_source_attach(source, g_main_context_get_thread_default());
    return source;
}

static void clear_source(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}

static void drop_message(Handshake *handshake)
{
    if (handshake->message != NULL)
        g_signal_handlers_disconnect_by_data(handshake->message, handshake);
    g_clear_object(&handshake->message);
}

/* After it no callback of ours runs any more: those that come are cancelled ones. */
static void finish(Handshake *handshake)
{
    clear_source(&handshake->start_source);
    clear_source(&handshake->deadline_source);
    drop_message(handshake);
    g_cancellable_cancel(handshake->cancellable);
}

static void fail(Handshake *handshake, const Outcome *failure, bool was_refused)
{
    finish(handshake);
    handshake->out.failed(handshake->out.owner, failure, was_refused);
}

static void fail_refused(Handshake *handshake, int validate_status, const char *text)
{
    const JoinRefusal refusal = {
        .upgrade_status = handshake->upgrade_status,
        .validate_status = validate_status,
        .text = text,
        .token = handshake->token,
    };
    Outcome failure;
    join_failure_from_refusal(handshake->url, &refusal, &failure);
    fail(handshake, &failure, true);
}

static gboolean on_accept_certificate(SoupMessage *message, GTlsCertificate *certificate,
                                      GTlsCertificateFlags problems, gpointer data)
{
    (void)message;
    (void)certificate;
    Handshake *handshake = data;
    handshake->tls_problems = problems;
    return FALSE;
}

static void new_message(Handshake *handshake, bool validate)
{
    g_autoptr(GUri) uri = server_url_rtc(handshake->url, validate, &handshake->query);
    g_autofree char *bearer = g_strconcat("Bearer ", handshake->token, NULL);
    drop_message(handshake);
    handshake->message = soup_message_new_from_uri(SOUP_METHOD_GET, uri);
    /* a redirect would carry the token to another server */
    soup_message_add_flags(handshake->message, SOUP_MESSAGE_NO_REDIRECT);
    soup_message_headers_replace(soup_message_get_request_headers(handshake->message),
                                 "Authorization", bearer);
    g_signal_connect(handshake->message, "accept-certificate", G_CALLBACK(on_accept_certificate),
                     handshake);
}

static void on_refusal_text(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes =
        g_input_stream_read_bytes_finish(G_INPUT_STREAM(source), result, &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    Handshake *handshake = data;
    gsize size = 0;
    const char *body = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
    g_autofree char *text = g_strndup(body != NULL ? body : "", size);
    fail_refused(handshake, (int)soup_message_get_status(handshake->message), text);
}

static void on_validated(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GInputStream) stream = soup_session_send_finish(SOUP_SESSION(source), result, &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    Handshake *handshake = data;
    if (stream == NULL) {
        fail_refused(handshake, 0, NULL);
        return;
    }
    g_input_stream_read_bytes_async(stream, REFUSAL_MAX_BYTES, G_PRIORITY_DEFAULT,
                                    handshake->cancellable, on_refusal_text, handshake);
}

/* The refused upgrade's body is lost; the same checks answer here with their sentence. */
static void ask_why(Handshake *handshake)
{
    handshake->upgrade_status = (int)soup_message_get_status(handshake->message);
    new_message(handshake, true);
    soup_session_send_async(handshake->session, handshake->message, G_PRIORITY_DEFAULT,
                            handshake->cancellable, on_validated, handshake);
}

static void open_failed(Handshake *handshake, const GError *error)
{
    if (error->domain == SOUP_WEBSOCKET_ERROR && handshake->tls_problems == 0 &&
        soup_message_get_status(handshake->message) != SOUP_STATUS_NONE) {
        ask_why(handshake);
        return;
    }
    Outcome failure;
    join_failure_from_error(handshake->url, error, handshake->tls_problems, &failure);
    fail(handshake, &failure, false);
}

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    SoupWebsocketConnection *connection =
        soup_session_websocket_connect_finish(SOUP_SESSION(source), result, &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    Handshake *handshake = data;
    if (connection == NULL) {
        open_failed(handshake, error);
        return;
    }
    soup_websocket_connection_set_max_incoming_payload_size(connection, FRAME_METER_MESSAGE_BYTES);
    signal_guard_attach(connection);
    finish(handshake);
    g_clear_object(&handshake->session); /* whose sources GLib looks at in each turn */
    handshake->out.opened(handshake->out.owner, connection);
}

static bool make_session(Handshake *handshake, GError **error)
{
    handshake->session =
        soup_session_new_with_options("user-agent", "roomtape/" ROOMTAPE_VERSION, NULL);
    soup_session_remove_feature_by_type(handshake->session, SOUP_TYPE_WEBSOCKET_EXTENSION_MANAGER);
    if (handshake->ca_file == NULL)
        return true;
    g_autoptr(GTlsDatabase) database = g_tls_file_database_new(handshake->ca_file, error);
    if (database == NULL)
        return false;
    soup_session_set_tls_database(handshake->session, database);
    return true;
}

/* What can be refused without asking the server. */
static bool prepare(Handshake *handshake, Outcome *ret_failure)
{
    g_autoptr(GError) error = NULL;
    handshake->url = server_url_parse(handshake->url_text, &error);
    if (handshake->url == NULL) {
        outcome_set(ret_failure, OUTCOME_FAILED, CODE_BAD_REQUEST, "%s", error->message);
        return false;
    }
    g_autoptr(AccessTokenClaims) claims = access_token_claims(handshake->token, &error);
    if (claims == NULL) {
        outcome_set(ret_failure, OUTCOME_FAILED, CODE_UNAUTHORIZED, "%s", error->message);
        return false;
    }
    if (make_session(handshake, &error))
        return true;
    join_failure_from_ca_file(handshake->ca_file, error, ret_failure);
    return false;
}

static gboolean on_start(gpointer data)
{
    Handshake *handshake = data;
    clear_source(&handshake->start_source);
    Outcome failure;
    if (!prepare(handshake, &failure)) {
        fail(handshake, &failure, false);
        return G_SOURCE_REMOVE;
    }
    new_message(handshake, false);
    soup_session_websocket_connect_async(handshake->session, handshake->message, NULL, NULL,
                                         G_PRIORITY_DEFAULT, handshake->cancellable, on_connected,
                                         handshake);
    return G_SOURCE_REMOVE;
}

static gboolean on_deadline(gpointer data)
{
    Handshake *handshake = data;
    if (handshake->upgrade_status != 0) {
        fail_refused(handshake, 0, NULL);
        return G_SOURCE_REMOVE;
    }
    Outcome failure;
    outcome_set(&failure, OUTCOME_FAILED, CODE_SERVER_UNREACHABLE,
                "The server %s:%d did not answer within %.3g s: check the URL, that the server "
                "runs, and firewalls.",
                handshake->url->host, handshake->url->port,
                (double)handshake->timeout_ns / (double)NS_PER_SECOND);
    fail(handshake, &failure, false);
    return G_SOURCE_REMOVE;
}

Handshake *handshake_new(const HandshakeConfig *config, HandshakeOut out)
{
    Handshake *handshake = g_new0(Handshake, 1);
    handshake->out = out;
    handshake->url_text = g_strdup(config->url);
    handshake->token = g_strstrip(g_strdup(config->token != NULL ? config->token : ""));
    /* GLib takes absolute paths only */
    handshake->ca_file =
        config->ca_file != NULL ? g_canonicalize_filename(config->ca_file, NULL) : NULL;
    handshake->timeout_ns = config->timeout_ns;
    handshake->resume_sid = g_strdup(config->query.resume_sid);
    handshake->query = config->query;
    handshake->query.resume_sid = handshake->resume_sid;
    handshake->cancellable = g_cancellable_new();
    handshake->start_source = attach(g_idle_source_new(), on_start, handshake);
    g_source_set_priority(handshake->start_source, G_PRIORITY_DEFAULT);
    if (config->timeout_ns > 0) {
        const int64_t timeout_ms = config->timeout_ns / NS_PER_MS;
        handshake->deadline_source = attach(
            g_timeout_source_new((guint)CLAMP(timeout_ms, 1, 3600 * 1000)), on_deadline, handshake);
    }
    return handshake;
}

void handshake_free(Handshake *handshake)
{
    if (handshake == NULL)
        return;
    finish(handshake);
    g_clear_object(&handshake->session);
    g_object_unref(handshake->cancellable);
    server_url_free(handshake->url);
    g_free(handshake->url_text);
    g_free(handshake->token);
    g_free(handshake->ca_file);
    g_free(handshake->resume_sid);
    g_free(handshake);
}

const ServerUrl *handshake_url(const Handshake *handshake)
{
    return handshake->url;
}
