#include "sink/output.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "sink/finalize.h"
#include "sink/output_report.h"
#include "sink/sink_pool.h"
#include "sink/track_set.h"

/* A queue that its producer forgot to end is not waited for any longer. */
#define STOP_PATIENCE_NS (2 * NS_PER_SECOND)

struct Output {
    OutputConfig config; /* constant */
    OutputEvents events;
    SinkThread *thread;
    SinkThread *finalizer;

    struct {
        unsigned track_count;
        bool is_attached, is_stopped, is_done;
    } main; /* main thread's only */

    struct {
        TrackSet *set;
        SinkClient client;
        bool is_stopping;
        bool finalize;
        int64_t stop_deadline_ns;
    } sink; /* the sink thread's, then the finaliser's */

    atomic_bool is_discarded;
    _Atomic uint64_t progress_bytes, progress_final_bytes;
    _Atomic int64_t progress_zero_ns, progress_duration_ns;
};

typedef struct {
    OutputTrack track;
    unsigned track_id;
    bool flag;
    int64_t delta_ns, slew_start_ns, slew_end_ns;
    int64_t until_ns;
} Call;

static char *copy_text(const char *text)
{
    if (text == NULL)
        return NULL;
    char *copy = strdup(text);
    require(copy != NULL);
    return copy;
}

static void publish_progress(Output *output)
{
    const OutputProgress progress = track_set_progress(output->sink.set);
    atomic_store_explicit(&output->progress_bytes, progress.bytes, memory_order_relaxed);
    atomic_store_explicit(&output->progress_final_bytes, progress.final_bytes,
                          memory_order_relaxed);
    atomic_store_explicit(&output->progress_zero_ns, progress.zero_ns, memory_order_relaxed);
    atomic_store_explicit(&output->progress_duration_ns, progress.duration_ns,
                          memory_order_relaxed);
}

/* On the finaliser's thread; the output is main's again when `finished` was posted. */
static void on_finalize(void *owner, void *message)
{
    Output *output = owner;
    OutputResult result = {0};
    (void)message;
    FinalizeJob job = {.config = &output->config,
                       .outcome = track_set_outcome(output->sink.set),
                       .is_wanted = output->sink.finalize};
    job.part_count = track_set_parts(output->sink.set, &job.parts);
    job.track_count = track_set_tracks(output->sink.set, &job.tracks);
    if (atomic_load(&output->is_discarded))
        finalize_discard(&job, &result);
    else
        finalize_run(&job, &result);
    output_report_finished(&output->events, &result, &output->main.is_done);
}

static void on_wake(void *owner, int64_t now_ns)
{
    Output *output = owner;
    if (!output->sink.is_stopping) {
        track_set_drain(output->sink.set, now_ns);
        publish_progress(output);
        return;
    }
    const bool is_late = now_ns >= output->sink.stop_deadline_ns;
    const bool is_closed = track_set_stop(output->sink.set, now_ns, is_late);
    publish_progress(output);
    if (!is_closed)
        return;
    sink_thread_remove(output->thread, &output->sink.client);
    sink_thread_post(output->finalizer, on_finalize, output, NULL);
}

static void on_attach(void *owner, void *message)
{
    Output *output = owner;
    (void)message;
    sink_thread_add(output->thread, &output->sink.client);
}

static void on_add_track(void *owner, void *message)
{
    Output *output = owner;
    Call *call = message;
    bounded_queue_on_room_wanted(call->track.queue, sink_thread_hurry, output->thread);
    track_set_add(output->sink.set, &call->track, clock_monotonic_ns());
    free(call);
}

static void on_set_muted(void *owner, void *message)
{
    Output *output = owner;
    Call *call = message;
    SinkTrack *track = track_set_find(output->sink.set, call->track_id);
    if (track != NULL)
        track->info.muted = call->flag;
    free(call);
}

static void on_head_correction(void *owner, void *message)
{
    Output *output = owner;
    Call *call = message;
    SinkTrack *track = track_set_find(output->sink.set, call->track_id);
    if (track != NULL) {
        track->has_correction = true;
        track->delta_ns = call->delta_ns;
        track->slew_start_ns = call->slew_start_ns;
        track->slew_end_ns = call->slew_end_ns;
    }
    free(call);
}

static void on_hold_until(void *owner, void *message)
{
    Output *output = owner;
    Call *call = message;
    track_set_hold_until(output->sink.set, call->until_ns);
    free(call);
}

static void on_stop(void *owner, void *message)
{
    Output *output = owner;
    Call *call = message;
    output->sink.is_stopping = true;
    output->sink.finalize = call->flag;
    const int64_t patience_ns = output->config.stop_patience_ns;
    output->sink.stop_deadline_ns =
        clock_monotonic_ns() + (patience_ns > 0 ? patience_ns : STOP_PATIENCE_NS);
    free(call);
}

static void post(Output *output, MailboxFn run, const Call *call)
{
    Call *copy = malloc(sizeof *copy);
    require(copy != NULL);
    *copy = *call;
    sink_thread_post(output->thread, run, output, copy);
}

static void attach(Output *output)
{
    if (output->main.is_attached)
        return;
    output->main.is_attached = true;
    sink_thread_post(output->thread, on_attach, output, NULL);
}

Output *output_new(SinkPool *pool, const OutputConfig *config, OutputEvents events)
{
    Output *output = calloc(1, sizeof *output);
    require(output != NULL);
    output->config = *config;
    output->config.stem = copy_text(config->stem);
    output->config.title = copy_text(config->title);
    output->events = events;
    output->thread = sink_pool_pick(pool, config->stem);
    output->finalizer = sink_pool_finalizer(pool, config->stem);
    output->sink.client = (SinkClient){.owner = output, .wake = on_wake};
    output->sink.set = track_set_new(&output->config, &output->events);
    return output;
}

void output_free(Output *output)
{
    if (output == NULL)
        return;
    require(output->main.is_done || !output->main.is_attached);
    track_set_free(output->sink.set);
    free(output->config.stem);
    free(output->config.title);
    free(output);
}

bool output_add_track(Output *output, const OutputTrack *track)
{
    if (output->main.track_count >= OUTPUT_MAX_TRACKS || output->main.is_stopped)
        return false;
    output->main.track_count++;
    post(output, on_add_track, &(Call){.track = *track});
    attach(output);
    return true;
}

void output_set_muted(Output *output, unsigned track_id, bool muted)
{
    if (!output->main.is_stopped)
        post(output, on_set_muted, &(Call){.track_id = track_id, .flag = muted});
}

void output_set_head_correction(Output *output, unsigned track_id, int64_t delta_ns,
                                int64_t slew_start_ns, int64_t slew_end_ns)
{
    if (output->main.is_stopped)
        return;
    post(output, on_head_correction,
         &(Call){.track_id = track_id,
                 .delta_ns = delta_ns,
                 .slew_start_ns = slew_start_ns,
                 .slew_end_ns = slew_end_ns});
}

void output_hold_until(Output *output, int64_t until_ns)
{
    if (until_ns > 0 && !output->main.is_stopped)
        post(output, on_hold_until, &(Call){.until_ns = until_ns});
}

void output_discard(Output *output)
{
    atomic_store(&output->is_discarded, true);
}

void output_stop(Output *output, bool finalize)
{
    if (output->main.is_stopped)
        return;
    output->main.is_stopped = true;
    post(output, on_stop, &(Call){.flag = finalize});
    attach(output);
}

OutputProgress output_progress(const Output *output)
{
    return (OutputProgress){
        .bytes = atomic_load_explicit(&output->progress_bytes, memory_order_relaxed),
        .final_bytes = atomic_load_explicit(&output->progress_final_bytes, memory_order_relaxed),
        .zero_ns = atomic_load_explicit(&output->progress_zero_ns, memory_order_relaxed),
        .duration_ns = atomic_load_explicit(&output->progress_duration_ns, memory_order_relaxed)};
}

void output_result_clear(OutputResult *result)
{
    for (unsigned i = 0; i < result->file_count; i++)
        free(result->files[i].path);
    free(result->files);
    memset(result, 0, sizeof *result);
}
