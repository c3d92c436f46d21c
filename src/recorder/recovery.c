#include "recorder/recovery.h"

#include <glib.h>

#include "base/log.h"
#include "sink/inspect.h"
#include "sink/recover.h"

struct Recovery {
    RecoveryConfig config;
    unsigned found;
    RecoverJob *job;
};

static bool measure(const char *path, MediaMeasure *ret_measure)
{
    g_autofree Inspection *inspection = g_new0(Inspection, 1);
    char problem[256];
    if (!inspect_file(path, inspection, problem, sizeof problem))
        return false;
    *ret_measure = (MediaMeasure){.duration_ns = inspection->duration_ns,
                                  .lacks_index = !inspection->has_index};
    const unsigned count = MIN(inspection->track_count, MEDIA_MEASURE_MAX_TRACKS);
    for (unsigned i = 0; i < count; i++) {
        const InspectTrack *track = &inspection->tracks[i];
        ret_measure->tracks[i].kind = track->kind;
        ret_measure->tracks[i].packets = track->packets;
        ret_measure->tracks[i].bytes = track->bytes;
        ret_measure->tracks[i].width = track->width;
        ret_measure->tracks[i].height = track->height;
    }
    ret_measure->track_count = count;
    return true;
}

static void recover_next(Recovery *recovery);

static void on_recovered(void *owner, const RecoveredFile *file)
{
    Recovery *recovery = owner;
    if (file->hindrance)
        log_warning("service", NULL, "%s stays without an index. %s", file->path, file->hindrance);
    else
        log_info("service", NULL, "%s has got its index.", file->path);
    const LeftoverFile result = {.path = file->path,
                                 .bytes = file->bytes,
                                 .duration_ns = file->duration_ns,
                                 .hindrance = file->hindrance};
    catalog_set_file(recovery->config.catalog, &result);
    recover_next(recovery);
}

/* A recording that stops meanwhile waits for one file at most. */
static void recover_next(Recovery *recovery)
{
    const char *path = catalog_next_unindexed(recovery->config.catalog);
    const RecoverEvents events = {recovery, recovery->config.mailbox, on_recovered};
    recover_job_free(g_steal_pointer(&recovery->job));
    if (path)
        recovery->job =
            recover_file(recovery->config.sink_pool, path, recovery->config.max_bytes, events);
}

Recovery *recovery_new(const RecoveryConfig *config)
{
    Recovery *recovery = g_new0(Recovery, 1);
    recovery->config = *config;
    recovery->found = catalog_recover(config->catalog, measure);
    if (recovery->found > 0)
        log_warning("service", NULL,
                    "%u recordings were interrupted by a crash and are closed now.",
                    recovery->found);
    recover_next(recovery);
    return recovery;
}

void recovery_free(Recovery *recovery)
{
    if (!recovery)
        return;
    recover_job_free(recovery->job);
    g_free(recovery);
}

unsigned recovery_found(const Recovery *recovery)
{
    return recovery->found;
}
