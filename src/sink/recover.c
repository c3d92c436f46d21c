#include "sink/recover.h"

#include <libavutil/parseutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "sink/finalize.h"
#include "sink/inspect.h"
#include "sink/media_input.h"
#include "sink/sink_pool.h"

#define PACKET_OVERHEAD_BYTES 64 /* of a fragment's table, or of a block */
#define HEADER_BYTES 4096
#define OVERHEAD_SHARE 0.03
#define LAST_WRITE_SECONDS 0.6

struct RecoverJob {
    char *path;
    uint64_t max_bytes;
    RecoverEvents events;
    OutputFile file;
};

static SinkTrack *describe_track(const AVStream *stream, const InspectTrack *found)
{
    SinkTrack *track = calloc(1, sizeof *track);
    require(track != NULL);
    track->parameters = avcodec_parameters_alloc();
    require(track->parameters != NULL &&
            avcodec_parameters_copy(track->parameters, stream->codecpar) >= 0);
    const AVDictionaryEntry *language = av_dict_get(stream->metadata, "language", NULL, 0);
    track->info.kind = found->kind;
    snprintf(track->info.language, sizeof track->info.language, "%s",
             language != NULL ? language->value : "und");
    snprintf(track->info.title, sizeof track->info.title, "%s", found->title);
    if (found->packets > 0)
        track->typical_ns = found->duration_ns / (int64_t)found->packets;
    return track;
}

static void describe_file(const AVFormatContext *format, OutputConfig *config)
{
    const AVDictionaryEntry *title = av_dict_get(format->metadata, "title", NULL, 0);
    const AVDictionaryEntry *created = av_dict_get(format->metadata, "creation_time", NULL, 0);
    int64_t created_us = 0;
    config->title = title != NULL ? strdup(title->value) : NULL;
    if (created != NULL && av_parse_time(&created_us, created->value, 0) >= 0)
        config->started_at_wall_ns = created_us * NS_PER_US;
}

/* The file as if we had just written it; false when it is not one of ours, or nothing is whole. */
static bool describe(Part *part, OutputConfig *config, const Inspection *inspection)
{
    AVFormatContext *format = NULL;
    /* Pixel formats and profiles, which MP4 wants, are in the frames alone. */
    if (media_input_open(part->path, &format) < 0 || avformat_find_stream_info(format, NULL) < 0 ||
        format->nb_streams != inspection->track_count || format->nb_streams > OUTPUT_MAX_TRACKS) {
        avformat_close_input(&format);
        return false;
    }
    part->track_count = format->nb_streams;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const InspectTrack *found = &inspection->tracks[i];
        part->tracks[i] = describe_track(format->streams[i], found);
        part->has_start[i] = found->packets > 0;
        part->start_ns[i] = found->first_pts_ns;
        part->packets += found->packets;
    }
    /* The last one may be cut, and is left out. */
    const bool has_whole = part->packets > inspection->data_errors;
    part->packets -= has_whole ? inspection->data_errors : part->packets;
    part->end_ns = inspection->duration_ns;
    part->bytes = inspection->bytes;
    describe_file(format, config);
    avformat_close_input(&format);
    return has_whole;
}

/* A crash cuts off what was written last, half a second at most. Where more of the file is in no
 * packet its reader gave up at a damaged place, and what is behind it would be lost with the file.
 */
static bool is_read_to_end(const Inspection *inspection)
{
    uint64_t payload = 0, packets = 0;
    for (unsigned i = 0; i < inspection->track_count; i++) {
        payload += inspection->tracks[i].bytes;
        packets += inspection->tracks[i].packets;
    }
    const double seconds = (double)inspection->duration_ns / (double)NS_PER_SECOND;
    const double per_second = seconds > 0 ? (double)payload / seconds : 0;
    const double overhead = (double)(packets * PACKET_OVERHEAD_BYTES + HEADER_BYTES);
    return (double)inspection->bytes <=
           (double)payload * (1 + OVERHEAD_SHARE) + overhead + LAST_WRITE_SECONDS * per_second;
}

static bool rewrite(Part *part, OutputConfig *config, OutputFile *ret_file)
{
    const Outcome fine = {0};
    const FinalizeJob job = {.config = config,
                             .outcome = &fine,
                             .is_wanted = true,
                             .parts = &part,
                             .part_count = 1,
                             .tracks = part->tracks,
                             .track_count = part->track_count};
    OutputResult result = {0};
    finalize_run(&job, &result);
    if (result.file_count == 1) {
        const OutputFile *file = &result.files[0];
        ret_file->bytes = file->bytes;
        ret_file->duration_ns = file->duration_ns;
        memcpy(ret_file->reason, file->reason, sizeof ret_file->reason);
    }
    output_result_clear(&result);
    return ret_file->reason[0] == '\0';
}

static void forget(Part *part, OutputConfig *config)
{
    for (unsigned i = 0; i < part->track_count; i++) {
        avcodec_parameters_free(&part->tracks[i]->parameters);
        free(part->tracks[i]);
    }
    free(config->title);
    part_free(part);
}

bool recover_file_now(const char *path, uint64_t max_bytes, OutputFile *ret_file)
{
    Inspection *inspection = calloc(1, sizeof *inspection);
    Part *part = calloc(1, sizeof *part);
    require(inspection != NULL && part != NULL);
    part->path = strdup(path);
    require(part->path != NULL);
    part->closed = part->interrupted = true;
    OutputConfig config = {.finalize_max_bytes = max_bytes};
    char error[OUTCOME_SENTENCE_MAX];
    const char *dot = strrchr(path, '.');
    const bool is_ours = dot != NULL && container_from_extension(dot + 1, &part->container) &&
                         inspect_file(path, inspection, error, sizeof error) &&
                         !inspection->goes_on_after_error && is_read_to_end(inspection) &&
                         describe(part, &config, inspection);
    config.container = part->container;
    snprintf(ret_file->reason, sizeof ret_file->reason, "It cannot be read to its end.");
    ret_file->bytes = inspection->bytes;
    ret_file->duration_ns = inspection->duration_ns;
    const bool is_done = is_ours && rewrite(part, &config, ret_file);
    forget(part, &config);
    free(inspection);
    return is_done;
}

static void on_done(void *owner, void *message)
{
    const RecoverJob *job = message;
    const RecoveredFile file = {
        .path = job->path,
        .bytes = job->file.bytes,
        .duration_ns = job->file.duration_ns,
        .hindrance = job->file.reason[0] != '\0' ? job->file.reason : NULL,
    };
    job->events.done(owner, &file);
}

static void on_recover(void *owner, void *message)
{
    RecoverJob *job = message;
    (void)owner;
    recover_file_now(job->path, job->max_bytes, &job->file);
    mailbox_post(job->events.mailbox, on_done, job->events.owner, job);
}

RecoverJob *recover_file(SinkPool *pool, const char *path, uint64_t max_bytes, RecoverEvents events)
{
    RecoverJob *job = calloc(1, sizeof *job);
    require(job != NULL);
    job->path = strdup(path);
    require(job->path != NULL);
    job->max_bytes = max_bytes;
    job->events = events;
    sink_thread_post(sink_pool_finalizer(pool, path), on_recover, NULL, job);
    return job;
}

void recover_job_free(RecoverJob *job)
{
    if (job == NULL)
        return;
    free(job->path);
    free(job);
}
