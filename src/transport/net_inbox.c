#include "transport/net_inbox.h"

#include <pthread.h>
#include <stdatomic.h>

#include "transport/mailbox_source.h"

struct NetInbox {
    _Atomic int references;
    pthread_mutex_t lock;
    bool is_closed;
    Mailbox *mailbox;
    GSource *source;
};

NetInbox *net_inbox_new(GMainContext *context)
{
    Mailbox *mailbox = mailbox_new();
    if (!mailbox)
        return NULL;
    NetInbox *inbox = g_new0(NetInbox, 1);
    atomic_init(&inbox->references, 1);
    pthread_mutex_init(&inbox->lock, NULL);
    inbox->mailbox = mailbox;
    inbox->source = mailbox_source_attach(mailbox, context);
    return inbox;
}

NetInbox *net_inbox_ref(NetInbox *inbox)
{
    atomic_fetch_add(&inbox->references, 1);
    return inbox;
}

void net_inbox_unref(NetInbox *inbox)
{
    if (atomic_fetch_sub(&inbox->references, 1) > 1)
        return;
    net_inbox_close(inbox);
    mailbox_free(inbox->mailbox);
    pthread_mutex_destroy(&inbox->lock);
    g_free(inbox);
}

bool net_inbox_post(NetInbox *inbox, MailboxFn run, void *owner, void *message)
{
    pthread_mutex_lock(&inbox->lock);
    const bool is_open = !inbox->is_closed;
    if (is_open)
        mailbox_post(inbox->mailbox, run, owner, message);
    pthread_mutex_unlock(&inbox->lock);
    return is_open;
}

void net_inbox_close(NetInbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    const bool was_open = !inbox->is_closed;
    inbox->is_closed = true;
    pthread_mutex_unlock(&inbox->lock);
    if (!was_open)
        return;
    g_source_destroy(inbox->source);
    g_source_unref(inbox->source);
    mailbox_drain(inbox->mailbox);
}
