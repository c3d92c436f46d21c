#include "base/mailbox.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

typedef struct {
    MailboxFn run;
    void *owner;
    void *message;
} Letter;

typedef struct {
    Letter *letters;
    size_t count;
    size_t capacity;
} LetterList;

struct Mailbox {
    int fd;
    pthread_mutex_t lock;
    LetterList posted;
    bool is_raised;   /* the event */
    LetterList spare; /* the list that was drained last, kept for its memory */
};

Mailbox *mailbox_new(void)
{
    Mailbox *mailbox = calloc(1, sizeof *mailbox);
    require(mailbox != NULL);
    mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mailbox->fd < 0) {
        free(mailbox);
        return NULL;
    }
    pthread_mutex_init(&mailbox->lock, NULL);
    return mailbox;
}

void mailbox_free(Mailbox *mailbox)
{
    if (mailbox == NULL)
        return;
    close(mailbox->fd);
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox->posted.letters);
    free(mailbox->spare.letters);
    free(mailbox);
}

static void list_append(LetterList *list, Letter letter)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->letters = reallocarray(list->letters, list->capacity, sizeof letter);
        require(list->letters != NULL);
    }
    list->letters[list->count++] = letter;
}

static void raise_event(int fd)
{
    const uint64_t one = 1;
    const ssize_t written = write(fd, &one, sizeof one);
    check(written == sizeof one);
    (void)written;
}

static void clear_event(int fd)
{
    uint64_t value;
    const ssize_t got = read(fd, &value, sizeof value);
    (void)got;
}

void mailbox_post(Mailbox *mailbox, MailboxFn run, void *owner, void *message)
{
    pthread_mutex_lock(&mailbox->lock);
    list_append(&mailbox->posted, (Letter){run, owner, message});
    if (!mailbox->is_raised)
        raise_event(mailbox->fd);
    mailbox->is_raised = true;
    pthread_mutex_unlock(&mailbox->lock);
}

void mailbox_leave(Mailbox *mailbox, MailboxFn run, void *owner, void *message)
{
    pthread_mutex_lock(&mailbox->lock);
    list_append(&mailbox->posted, (Letter){run, owner, message});
    pthread_mutex_unlock(&mailbox->lock);
}

int mailbox_fd(const Mailbox *mailbox)
{
    return mailbox->fd;
}

static LetterList take_posted(Mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->is_raised)
        clear_event(mailbox->fd);
    mailbox->is_raised = false;
    const LetterList taken = mailbox->posted;
    mailbox->posted = mailbox->spare;
    mailbox->spare = (LetterList){0};
    pthread_mutex_unlock(&mailbox->lock);
    return taken;
}

/* A burst's large list is not kept. */
static void give_back(Mailbox *mailbox, LetterList list)
{
    list.count = 0;
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->spare.letters == NULL && list.capacity <= 4096) {
        mailbox->spare = list;
        list.letters = NULL;
    }
    pthread_mutex_unlock(&mailbox->lock);
    free(list.letters);
}

void mailbox_drain(Mailbox *mailbox)
{
    const LetterList taken = take_posted(mailbox);
    for (size_t i = 0; i < taken.count; i++)
        taken.letters[i].run(taken.letters[i].owner, taken.letters[i].message);
    give_back(mailbox, taken);
}
