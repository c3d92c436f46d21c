/* Runs an Output as main would, and keeps what it reports.
 * Thread: the test's, which drains the mailbox. */
#pragma once

#include "sink/output.h"
#include "test_media.h"

typedef struct {
    Pool *pool;
    SinkPool *sink_pool;
    Mailbox *mailbox;
    Output *output;
    char *folder;
    char *stem;
    struct {
        BoundedQueue *queue;
        TrackCounters counters;
        TestMedia *media;
    } tracks[4];
    unsigned track_count;
    unsigned queue_items; /* of the queues that follow */

    unsigned opened, started, keyframes_wanted, failed, track_failed;
    bool is_finished;
    char *opened_path; /* the last */
    Container opened_container;
    Outcome failure, track_failure;
    OutputResult result; /* the test's copy */
} TestOutput;

TestOutput *test_output_new(Container container);
void test_output_free(TestOutput *test); /* checks that nothing is left behind */

/* Returns the track's number, which is its id as well. */
unsigned test_output_add(TestOutput *test, Codec codec, bool muted);

/* `seconds` of frames that begin at `start_ns` on the timeline; goes on where it ended. */
void test_output_feed(TestOutput *test, unsigned track, int64_t start_ns, double seconds);

/* Runs the mailbox until `*count` is at least `wanted`. */
void test_output_wait(TestOutput *test, const unsigned *count, unsigned wanted);

/* Ends the queues and runs to the result. */
void test_output_stop(TestOutput *test, bool finalize);
