#include <glib-unix.h>
#include <stdio.h>
#include <string.h>

#include "api/http_api.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/settings.h"
#include "recorder/recording_service.h"

#define EXIT_FAILED 1

static const Flag serve_flags[] = {
    {"listen", "ADDRESS:PORT", "service.listen",
     "such as 127.0.0.1:8080; beyond loopback callers\nneed a token, see api.token"},
    {"output-dir", "DIR", "output.dir", "folder that all recordings are written below"},
    {"format", "FORMAT", "output.format", "when a request names none, such as auto, mp4 or webm"},
};

static const FlagGroup serve_group = {
    .title = "Service",
    .flags = serve_flags,
    .count = G_N_ELEMENTS(serve_flags),
};

static const FlagTable serve_table = {
    .name = "serve",
    .usage = "roomtape serve [--listen ADDRESS:PORT] [--output-dir DIR] [FLAG]...",
    .summary = "Runs the HTTP service that starts, stops and shows recordings.",
    .notes = "SIGTERM and Ctrl-C finish all files; a second one leaves at once.",
    .groups = {&serve_group, &connection_flags, &general_flags},
};

typedef struct {
    WebRTCRecordingService *service;
    HttpApi *api;
    GMainLoop *loop;
    guint signals[2];
} Service;

static void on_all_stopped(void *owner)
{
    Service *service = owner;
    g_main_loop_quit(service->loop);
}

static void remove_signals(Service *service)
{
    for (size_t i = 0; i < G_N_ELEMENTS(service->signals); i++) {
        if (service->signals[i] != 0)
            g_source_remove(service->signals[i]);
        service->signals[i] = 0;
    }
}

/* Afterwards signals have their usual effect again: the second one ends the program. */
static gboolean on_signal(gpointer data)
{
    Service *service = data;
    remove_signals(service);
    log_info("cli", NULL, "Stopping; %u recordings are being finished.",
             recording_service_active_count(service->service));
    http_api_drain(service->api);
    recording_service_stop_all(service->service, on_all_stopped, service);
    return G_SOURCE_REMOVE;
}

static void run_until_stopped(Service *service)
{
    service->signals[0] = g_unix_signal_add(SIGINT, on_signal, service);
    service->signals[1] = g_unix_signal_add(SIGTERM, on_signal, service);
    g_main_loop_run(service->loop);
    remove_signals(service);
}

/* The port may have been chosen by the system. */
static void tell_address(const char *listen, const HttpApi *api)
{
    const char *colon = strrchr(listen, ':');
    const int length = colon ? (int)(colon - listen) : (int)strlen(listen);
    log_info("serve", NULL, "Listening on %s://%.*s:%u.", http_api_is_tls(api) ? "https" : "http",
             length, listen, http_api_port(api));
    if (http_api_tells_tokens(api))
        log_warning("serve", NULL,
                    "Tokens cross the network unencrypted: set api.tls_certificate and "
                    "api.tls_key, or listen on loopback behind a proxy that speaks HTTPS.");
}

static int run_service(const Config *config)
{
    g_autoptr(GError) error = NULL;
    Outcome refusal;
    Service service = {.service = recording_service_new(config, true, &refusal)};
    if (service.service == NULL) {
        fprintf(stderr, "roomtape: %s: %s\n", outcome_code_name(refusal.code), refusal.sentence);
        return outcome_code_exit_status(refusal.code);
    }
    service.loop = g_main_loop_new(NULL, FALSE);
    service.api = http_api_new(service.service, config, &error);
    const bool is_up = service.api != NULL;
    if (is_up) {
        tell_address(config->listen, service.api);
        run_until_stopped(&service);
    } else {
        fprintf(stderr, "roomtape: %s\n", error->message);
    }
    http_api_free(service.api);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    recording_service_free(service.service);
    g_main_loop_unref(service.loop);
    return is_up ? 0 : EXIT_FAILED;
}

/* GIO's TLS takes its versions from here alone. Before there is any thread. */
static void refuse_old_tls(const Config *config)
{
    if (config->tls_certificate != NULL)
        g_setenv("G_TLS_GNUTLS_PRIORITY", "NORMAL:%COMPAT:-VERS-TLS1.0:-VERS-TLS1.1", FALSE);
}

static int run_serve(const Flags *flags)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = settings_load(flags, LOG_INFO, &error);
    if (config == NULL)
        return cli_usage_error(error->message);
    settings_raise_file_limit();
    refuse_old_tls(config);
    return run_service(config);
}

const Command serve_command = {&serve_table, run_serve};
