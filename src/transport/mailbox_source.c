#include "transport/mailbox_source.h"

#include <glib-unix.h>

typedef struct {
    GSource source;
    Mailbox *mailbox;
} MailboxSource;

static gboolean on_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)callback;
    (void)data;
    mailbox_drain(((MailboxSource *)source)->mailbox);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {.dispatch = on_dispatch};

GSource *mailbox_source_attach(Mailbox *mailbox, GMainContext *context)
{
    GSource *source = g_source_new(&source_functions, sizeof(MailboxSource));
    ((MailboxSource *)source)->mailbox = mailbox;
    g_source_set_name(source, "mailbox");
    g_source_add_unix_fd(source, mailbox_fd(mailbox), G_IO_IN);
    g_source_attach(source, context);
    return source;
}
