/* A LiveKit server's address, and the addresses of its signalling below it.
 * Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define SERVER_URL_ERROR (server_url_error_quark())
GQuark server_url_error_quark(void);

typedef struct {
    char *host; /* without the brackets of an IPv6 address */
    int port;
    bool is_tls;
    char *path; /* "" or "/base" */
    char *text; /* "ws://host:port/base", for people */
} ServerUrl;

/* ws wss http https, any base path; a query, a fragment or a user name is refused. */
ServerUrl *server_url_parse(const char *text, GError **error);
void server_url_free(ServerUrl *url);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServerUrl, server_url_free)

/* What a session is asked for; `resume_sid` is our own PA_ sid in it, NULL for a new session. */
typedef struct {
    bool auto_subscribe;
    const char *resume_sid;
    int resume_reason; /* livekit's ReconnectReason */
} SessionQuery;

/* BASE/rtc?QUERY and BASE/rtc/validate?QUERY; the token is never a part of it. */
GUri *server_url_rtc(const ServerUrl *url, bool validate, const SessionQuery *session);
