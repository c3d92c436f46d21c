/* Serves the recordings over HTTP: /api/recording/..., /metrics, /healthz, /readyz.
 * Beyond loopback, and wherever a token is configured, callers need one (see gate.h). No web page
 * reaches it through somebody's browser unless its origin is listed.
 * Thread: main. */
#pragma once

#include "config/config.h"
#include "recorder/recording_service.h"

#define API_ERROR (api_error_quark())
GQuark api_error_quark(void);
typedef enum { API_ERROR_LISTEN, API_ERROR_REQUEST } ApiError;

typedef struct HttpApi HttpApi;

/* Listens on config->listen (port 0: a free one). `service` and `config` are borrowed. */
HttpApi *http_api_new(WebRTCRecordingService *service, const Config *config, GError **error);

unsigned http_api_port(const HttpApi *api);
bool http_api_is_tls(const HttpApi *api);

/* Whether tokens cross a network in the clear. */
bool http_api_tells_tokens(const HttpApi *api);

/* From now on a start is refused and /readyz says no; answers that wait are still given. */
void http_api_drain(HttpApi *api);

/* Answers that have been given are sent first, for up to half a second (runs the default main
 * context); callers that still wait are cut off. Before recording_service_free(). */
void http_api_free(HttpApi *api);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpApi, http_api_free)
