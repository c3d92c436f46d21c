/* Says in a code and a sentence why a server could not be joined.
 * Thread: any; pure but for the wall clock. */
#pragma once

#include <gio/gio.h>

#include "flow/outcome.h"
#include "signal/server_url.h"

/* Name resolution, connection or TLS failed. `tls` are the certificate's problems, if any. */
void join_failure_from_error(const ServerUrl *url, const GError *error, GTlsCertificateFlags tls,
                             Outcome *ret_failure);

void join_failure_from_ca_file(const char *path, const GError *error, Outcome *ret_failure);

typedef struct {
    int upgrade_status;  /* what the WebSocket request was answered with; 0 = nothing */
    int validate_status; /* what /rtc/validate was answered with; 0 = nothing */
    const char *text;    /* its body, a stranger's */
    const char *token;   /* never shown */
} JoinRefusal;

void join_failure_from_refusal(const ServerUrl *url, const JoinRefusal *refusal,
                               Outcome *ret_failure);

/* The server said goodbye before it let us in. */
void join_failure_from_leave(const ServerUrl *url, int reason, Outcome *ret_failure);
