#include "cli/doctor_server.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/progress.h"
#include "signal/access_token.h"
#include "signal/join_failure.h"

#define CONNECT_TIMEOUT_SECONDS 5
#define LOW_DISK_BYTES UINT64_C(1000000000)

static void fail_connection(DoctorReport *report, DoctorStep step, const ServerUrl *url,
                            const GError *error, GTlsCertificateFlags problems)
{
    Outcome failure;
    join_failure_from_error(url, error, problems, &failure);
    doctor_report_step(report, step, STEP_FAILED, failure.code, "%s", failure.sentence);
}

bool doctor_check_dns(DoctorReport *report, const ServerUrl *url)
{
    if (g_hostname_is_ip_address(url->host)) {
        doctor_report_step(report, STEP_DNS, STEP_SKIPPED, CODE_NONE,
                           "%s is an address and needs no name.", url->host);
        return true;
    }
    g_autoptr(GResolver) resolver = g_resolver_get_default();
    g_autoptr(GError) error = NULL;
    GList *addresses = g_resolver_lookup_by_name(resolver, url->host, NULL, &error);
    if (addresses == NULL) {
        fail_connection(report, STEP_DNS, url, error, 0);
        return false;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    for (GList *item = addresses; item != NULL && text->len < 200; item = item->next) {
        g_autofree char *address = g_inet_address_to_string(item->data);
        g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", address);
    }
    g_resolver_free_addresses(addresses);
    doctor_report_step(report, STEP_DNS, STEP_OK, CODE_NONE, "%s is %s.", url->host, text->str);
    return true;
}

static gboolean on_accept_certificate(GTlsConnection *connection, GTlsCertificate *certificate,
                                      GTlsCertificateFlags problems, gpointer data)
{
    (void)connection;
    (void)certificate;
    *(GTlsCertificateFlags *)data = problems;
    return FALSE;
}

static bool set_authority(GTlsConnection *tls, const char *ca_file, Outcome *ret_failure)
{
    if (ca_file == NULL)
        return true;
    g_autofree char *path = g_canonicalize_filename(ca_file, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GTlsDatabase) database = g_tls_file_database_new(path, &error);
    if (database == NULL) {
        join_failure_from_ca_file(path, error, ret_failure);
        return false;
    }
    g_tls_connection_set_database(tls, database);
    return true;
}

static bool check_tls(DoctorReport *report, const ServerUrl *url, const char *ca_file,
                      GIOStream *stream)
{
    g_autoptr(GError) error = NULL;
    GTlsCertificateFlags problems = 0;
    g_autoptr(GSocketConnectable) identity = g_network_address_new(url->host, (guint16)url->port);
    g_autoptr(GIOStream) client = g_tls_client_connection_new(stream, identity, &error);
    if (client == NULL) {
        fail_connection(report, STEP_TLS, url, error, 0);
        return false;
    }
    Outcome failure;
    if (!set_authority(G_TLS_CONNECTION(client), ca_file, &failure)) {
        doctor_report_step(report, STEP_TLS, STEP_FAILED, failure.code, "%s", failure.sentence);
        return false;
    }
    g_signal_connect(client, "accept-certificate", G_CALLBACK(on_accept_certificate), &problems);
    const bool is_up = g_tls_connection_handshake(G_TLS_CONNECTION(client), NULL, &error);
    g_signal_handlers_disconnect_by_data(client, &problems);
    if (!is_up) {
        fail_connection(report, STEP_TLS, url, error, problems);
        return false;
    }
    doctor_report_step(report, STEP_TLS, STEP_OK, CODE_NONE, "The certificate of %s is accepted.",
                       url->host);
    g_io_stream_close(client, NULL, NULL);
    return true;
}

bool doctor_check_connection(DoctorReport *report, const ServerUrl *url, const char *ca_file)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_socket_client_set_timeout(client, CONNECT_TIMEOUT_SECONDS);
    g_autoptr(GError) error = NULL;
    const int64_t start_ns = clock_monotonic_ns();
    g_autoptr(GSocketConnection) connection =
        g_socket_client_connect_to_host(client, url->host, (guint16)url->port, NULL, &error);
    if (connection == NULL) {
        fail_connection(report, STEP_TCP, url, error, 0);
        return false;
    }
    doctor_report_step(report, STEP_TCP, STEP_OK, CODE_NONE, "%s:%d answers after %.1f ms.",
                       url->host, url->port,
                       (double)(clock_monotonic_ns() - start_ns) / (double)NS_PER_MS);
    if (url->is_tls)
        return check_tls(report, url, ca_file, G_IO_STREAM(connection));
    doctor_report_step(report, STEP_TLS, STEP_SKIPPED, CODE_NONE,
                       "%s is not encrypted: fine on this machine, wss:// elsewhere.", url->text);
    return true;
}

static bool fail_token(DoctorReport *report, OutcomeCode code, const char *sentence)
{
    doctor_report_step(report, STEP_TOKEN, STEP_FAILED, code, "%s", sentence);
    return false;
}

static bool check_claims(DoctorReport *report, const AccessTokenClaims *claims, const char *room)
{
    const int64_t now = clock_wall_ns() / NS_PER_SECOND;
    if (claims->expires_at != 0 && claims->expires_at <= now)
        return fail_token(report, CODE_TOKEN_EXPIRED,
                          "The access token has expired: make a new one.");
    if (!claims->room_join)
        return fail_token(report, CODE_UNAUTHORIZED,
                          "The access token may not join a room: it needs the grant roomJoin.");
    if (!claims->can_subscribe)
        return fail_token(report, CODE_UNAUTHORIZED,
                          "The access token may not subscribe: it needs the grant canSubscribe.");
    if (room != NULL && g_strcmp0(room, claims->room) != 0)
        return fail_token(report, CODE_BAD_REQUEST,
                          "The access token is for another room than --room.");
    if (claims->expires_at == 0)
        doctor_report_step(report, STEP_TOKEN, STEP_OK, CODE_NONE,
                           "The token opens its room and never expires.");
    else
        doctor_report_step(report, STEP_TOKEN, STEP_OK, CODE_NONE,
                           "The token opens its room for another %" G_GINT64_FORMAT " minutes%s.",
                           (claims->expires_at - now) / 60,
                           claims->hidden ? "" : " (everybody there will see us)");
    return true;
}

bool doctor_check_token(DoctorReport *report, const Config *config, const char *token,
                        const char *room)
{
    if (token == NULL && (config->api_key == NULL || config->api_secret == NULL))
        return fail_token(report, CODE_UNAUTHORIZED,
                          "There is neither a token nor an API key with its secret: give --token, "
                          "or LIVEKIT_API_KEY and LIVEKIT_API_SECRET.");
    if (token == NULL) {
        doctor_report_step(report, STEP_TOKEN, STEP_OK, CODE_NONE,
                           "The API key and its secret will sign one.");
        return true;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(AccessTokenClaims) claims = access_token_claims(token, &error);
    if (claims == NULL)
        return fail_token(report, CODE_UNAUTHORIZED, error->message);
    return check_claims(report, claims, room);
}

static bool fail_disk(DoctorReport *report, const char *directory, int cause)
{
    doctor_report_step(report, STEP_DISK, STEP_FAILED,
                       cause == ENOSPC ? CODE_DISK_FULL : CODE_WRITE_FAILED,
                       "The folder %.200s cannot be written to: %s.", directory, g_strerror(cause));
    return false;
}

bool doctor_check_disk(DoctorReport *report, const char *directory)
{
    if (g_mkdir_with_parents(directory, 0777) != 0)
        return fail_disk(report, directory, errno);
    g_autofree char *path = g_build_filename(directory, ".roomtape-doctor-XXXXXX", NULL);
    const int fd = g_mkstemp(path);
    if (fd < 0)
        return fail_disk(report, directory, errno);
    const bool is_written = write(fd, "roomtape", 8) == 8 && fsync(fd) == 0;
    const int cause = errno;
    close(fd);
    g_unlink(path);
    struct statvfs disk;
    if (!is_written || statvfs(directory, &disk) != 0)
        return fail_disk(report, directory, is_written ? errno : cause);
    const uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    char text[24];
    progress_bytes(free_bytes, text, sizeof text);
    doctor_report_step(report, STEP_DISK, STEP_OK, CODE_NONE, "%.200s has %s free%s.", directory,
                       text, free_bytes < LOW_DISK_BYTES ? ", which is little for video" : "");
    return true;
}
