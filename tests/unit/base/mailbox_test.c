#include <glib.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>

#include "base/mailbox.h"
#include "base_test.h"

typedef struct {
    Mailbox *mailbox;
    GString *order;
    unsigned repost;
} Reader;

static bool is_readable(Mailbox *mailbox)
{
    struct pollfd poll_fd = {.fd = mailbox_fd(mailbox), .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static void note(void *owner, void *message)
{
    Reader *reader = owner;
    g_string_append(reader->order, message);
}

static void note_and_post(void *owner, void *message)
{
    Reader *reader = owner;
    note(owner, message);
    mailbox_post(reader->mailbox, note, reader, "late ");
}

static void note_and_drain(void *owner, void *message)
{
    Reader *reader = owner;
    note(owner, message);
    mailbox_drain(reader->mailbox);
}

static void reader_clear(Reader *reader)
{
    mailbox_free(reader->mailbox);
    g_string_free(reader->order, TRUE);
}

static void test_runs_in_order(void)
{
    Reader reader = {.mailbox = mailbox_new(), .order = g_string_new(NULL)};
    g_assert_false(is_readable(reader.mailbox));
    mailbox_drain(reader.mailbox);
    mailbox_post(reader.mailbox, note, &reader, "a ");
    mailbox_post(reader.mailbox, note, &reader, "b ");
    g_assert_true(is_readable(reader.mailbox));
    mailbox_drain(reader.mailbox);
    g_assert_false(is_readable(reader.mailbox));
    g_assert_cmpstr(reader.order->str, ==, "a b ");
    reader_clear(&reader);
}

static void test_what_is_left_wakes_nobody(void)
{
    Reader reader = {.mailbox = mailbox_new(), .order = g_string_new(NULL)};
    mailbox_leave(reader.mailbox, note, &reader, "a ");
    g_assert_false(is_readable(reader.mailbox));
    mailbox_post(reader.mailbox, note, &reader, "b ");
    mailbox_leave(reader.mailbox, note, &reader, "c ");
    g_assert_true(is_readable(reader.mailbox));
    mailbox_drain(reader.mailbox);
    g_assert_false(is_readable(reader.mailbox));
    mailbox_leave(reader.mailbox, note, &reader, "d ");
    g_assert_false(is_readable(reader.mailbox));
    mailbox_drain(reader.mailbox);
    g_assert_cmpstr(reader.order->str, ==, "a b c d ");
    reader_clear(&reader);
}

static void test_runs_only_what_was_posted_before(void)
{
    Reader reader = {.mailbox = mailbox_new(), .order = g_string_new(NULL)};
    mailbox_post(reader.mailbox, note_and_post, &reader, "a ");
    mailbox_post(reader.mailbox, note, &reader, "b ");
    mailbox_drain(reader.mailbox);
    g_assert_cmpstr(reader.order->str, ==, "a b ");
    g_assert_true(is_readable(reader.mailbox));
    mailbox_drain(reader.mailbox);
    g_assert_cmpstr(reader.order->str, ==, "a b late ");
    reader_clear(&reader);
}

static void test_drains_inside_a_call(void)
{
    Reader reader = {.mailbox = mailbox_new(), .order = g_string_new(NULL)};
    mailbox_post(reader.mailbox, note_and_post, &reader, "a ");
    mailbox_post(reader.mailbox, note_and_drain, &reader, "b ");
    mailbox_post(reader.mailbox, note, &reader, "c ");
    mailbox_drain(reader.mailbox);
    g_assert_cmpstr(reader.order->str, ==, "a b late c ");
    reader_clear(&reader);
}

static void test_undrained_is_dropped(void)
{
    Reader reader = {.mailbox = mailbox_new(), .order = g_string_new(NULL)};
    for (unsigned i = 0; i < 1000; i++)
        mailbox_post(reader.mailbox, note, &reader, "x");
    reader_clear(&reader);
    mailbox_free(NULL);
}

enum { POSTERS = 2, POSTS = 20000 };

typedef struct {
    Mailbox *mailbox;
    uintptr_t number;
    uintptr_t *next; /* per poster: what must come next */
} Poster;

static void expect_next(void *owner, void *message)
{
    Poster *poster = owner;
    g_assert_cmpuint((uintptr_t)message, ==, poster->next[poster->number]++);
}

static void *post_many(void *data)
{
    Poster *poster = data;
    for (uintptr_t i = 0; i < POSTS; i++) {
        const bool wakes = i % 2 == 0 || i + 1 == POSTS;
        (wakes ? mailbox_post : mailbox_leave)(poster->mailbox, expect_next, poster, (void *)i);
    }
    return NULL;
}

static void test_two_threads_keep_their_order(void)
{
    Mailbox *mailbox = mailbox_new();
    uintptr_t next[POSTERS] = {0};
    Poster posters[POSTERS];
    pthread_t threads[POSTERS];
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (Poster){mailbox, i, next};
        g_assert_cmpint(pthread_create(&threads[i], NULL, post_many, &posters[i]), ==, 0);
    }
    /* Only the descriptor wakes this reader: a lost wake-up would end in the time limit. */
    while (next[0] < POSTS || next[1] < POSTS) {
        struct pollfd poll_fd = {.fd = mailbox_fd(mailbox), .events = POLLIN};
        g_assert_cmpint(poll(&poll_fd, 1, 20000), ==, 1);
        mailbox_drain(mailbox);
    }
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    g_assert_false(is_readable(mailbox));
    mailbox_free(mailbox);
}

void mailbox_test_add(void)
{
    g_test_add_func("/mailbox/runs-in-order", test_runs_in_order);
    g_test_add_func("/mailbox/only-what-was-posted-before", test_runs_only_what_was_posted_before);
    g_test_add_func("/mailbox/left-wakes-nobody", test_what_is_left_wakes_nobody);
    g_test_add_func("/mailbox/drains-inside-a-call", test_drains_inside_a_call);
    g_test_add_func("/mailbox/undrained-is-dropped", test_undrained_is_dropped);
    g_test_add_func("/mailbox/two-threads", test_two_threads_keep_their_order);
}
