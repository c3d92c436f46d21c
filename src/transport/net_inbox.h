/* A net thread's mailbox that may outlive it: for other threads that do not know when it ends.
 * Thread: any, unless said otherwise. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "base/mailbox.h"

typedef struct NetInbox NetInbox;

/* One reference. Read in that context until it is closed. NULL when the process has no descriptor
 * left. */
NetInbox *net_inbox_new(GMainContext *context);
NetInbox *net_inbox_ref(NetInbox *inbox);
void net_inbox_unref(NetInbox *inbox);

/* False once it is closed; the message stays the caller's then. */
bool net_inbox_post(NetInbox *inbox, MailboxFn run, void *owner, void *message);

/* Runs what was posted, for the last time. Thread: the reader's, or its heir's. */
void net_inbox_close(NetInbox *inbox);
