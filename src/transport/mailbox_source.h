/* Lets a GMainContext drain a Mailbox.
 * Thread: the context's. */
#pragma once

#include <glib.h>

#include "base/mailbox.h"

/* Attached to `context`; destroy it with g_source_destroy() and g_source_unref(). */
GSource *mailbox_source_attach(Mailbox *mailbox, GMainContext *context);
