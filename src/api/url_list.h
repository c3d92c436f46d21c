/* The servers that a caller may send us to, so that nobody reaches through us what only we can
 * reach: patterns of scheme, host and port.
 * Thread: any; values only. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct UrlList UrlList;

/* "wss://host, ws://10.0.0.5:7880". A host that begins with "*." stands for all hosts below it; ws
 * is the same as http, wss as https; without a port the scheme's is meant. No text is an empty
 * list. NULL with a sentence that names what is no pattern. */
UrlList *url_list_parse(const char *text, GError **error);
void url_list_free(UrlList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UrlList, url_list_free)

/* Whether `url`, a server's, is of one of the patterns; what is no URL is not. The path is not
 * looked at. */
bool url_list_has(const UrlList *list, const char *url);
bool url_list_is_empty(const UrlList *list);

/* Whether both lead to the same server: scheme, host, port and path. */
bool url_is_same_server(const char *one, const char *other);
