/* Lets a server listen again that has stopped to: libsoup 3.2 gives up a listening socket for good
 * when the process had no descriptor left for one caller. Thread: main. */
#pragma once

#include <libsoup/soup.h>

typedef struct ListenerWatch ListenerWatch;

/* The server listens already; it is borrowed. */
ListenerWatch *listener_watch_new(SoupServer *server);
void listener_watch_free(ListenerWatch *watch);
