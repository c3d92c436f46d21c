/* Carries calls from any thread to the one thread that drains it, in order.
 * A pthread lock and an eventfd, which ThreadSanitizer understands. */
#pragma once

#include <stdbool.h>

typedef struct Mailbox Mailbox;
typedef void (*MailboxFn)(void *owner, void *message);

/* NULL when the process has no descriptor left. */
Mailbox *mailbox_new(void);
/* Messages not drained are dropped: drain first what owns memory. */
void mailbox_free(Mailbox *mailbox);

/* Thread: any. `run(owner, message)` is called by mailbox_drain(); `message` is then run's. */
void mailbox_post(Mailbox *mailbox, MailboxFn run, void *owner, void *message);

/* The same without waking the reader, for one that also looks by itself from time to time: drained
 * then, or with the next that is posted. */
void mailbox_leave(Mailbox *mailbox, MailboxFn run, void *owner, void *message);

/* Readable while something waits that was posted. */
int mailbox_fd(const Mailbox *mailbox);

/* Thread: the reader's. Runs what had been posted or left when the call began. */
void mailbox_drain(Mailbox *mailbox);
