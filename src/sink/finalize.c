#include "sink/finalize.h"

#include <errno.h>
#include <fcntl.h>
#include <libavutil/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "sink/av_error.h"
#include "sink/inspect.h"
#include "sink/remux.h"
#include "sink/track_set.h"

#define HEAD_CORRECTION_MIN_NS (2 * NS_PER_MS)

/* Parts that become one file. */
typedef struct {
    Part *parts[TRACK_SET_MAX_PARTS];
    unsigned count;
    Container container;
    uint64_t bytes;
    int64_t zero_ns, end_ns;
} Group;

static void group_add(Group *group, Part *part)
{
    if (group->count == 0 || part->zero_ns < group->zero_ns)
        group->zero_ns = part->zero_ns;
    if (group->count == 0 || part->end_ns > group->end_ns)
        group->end_ns = part->end_ns;
    group->container = part->container;
    group->bytes += part->bytes;
    group->parts[group->count++] = part;
}

static bool changes_codec(const Part *before, const Part *after)
{
    for (unsigned i = 0; i < before->track_count; i++) {
        const int stream = part_stream(after, before->tracks[i]);
        if (stream >= 0 && after->codecs[stream] != before->codecs[i])
            return true;
    }
    return false;
}

/* One stream of a file has one codec. */
static bool group_takes(const Group *group, const Part *part)
{
    for (unsigned i = 0; i < group->count; i++) {
        if (changes_codec(group->parts[i], part))
            return false;
    }
    return true;
}

static bool has_corrections(const FinalizeJob *job)
{
    for (unsigned i = 0; i < job->track_count; i++) {
        const SinkTrack *track = job->tracks[i];
        if (track->has_correction && llabs(track->delta_ns) >= HEAD_CORRECTION_MIN_NS)
            return true;
    }
    return false;
}

static unsigned add_codecs(const Part *part, Codec *codecs)
{
    unsigned count = 0;
    for (unsigned i = 0; i < part->track_count; i++) {
        if (part->has_start[i])
            codecs[count++] = part->codecs[i];
    }
    return count;
}

/* One container for all that is in the parts. */
static Container merged_container(const FinalizeJob *job, const Group *group)
{
    for (unsigned i = 0; i < group->count; i++) {
        if (job->config->falls_back_to_mkv && group->parts[i]->container == CONTAINER_MKV)
            return CONTAINER_MKV;
    }
    if (job->config->container != CONTAINER_AUTO)
        return job->config->container;
    Codec codecs[TRACK_SET_MAX_PARTS * OUTPUT_MAX_TRACKS];
    unsigned count = 0;
    for (unsigned i = 0; i < group->count; i++)
        count += add_codecs(group->parts[i], codecs + count);
    return container_for(codecs, count);
}

/* Why the group stays as it is; false when nothing speaks against rewriting it. */
static bool is_hindered(const FinalizeJob *job, const Group *group, char *reason, size_t size)
{
    struct statvfs disk;
    if (job->outcome->kind != OUTCOME_NONE)
        snprintf(reason, size, "Writing had failed.");
    else if (!job->is_wanted)
        snprintf(reason, size, "It was stopped without time to finalise.");
    else if (job->config->finalize_max_bytes > 0 && group->bytes > job->config->finalize_max_bytes)
        snprintf(reason, size, "It is larger than finalize_max_bytes (%llu).",
                 (unsigned long long)job->config->finalize_max_bytes);
    else if (statvfs(group->parts[0]->path, &disk) == 0 &&
             (uint64_t)disk.f_bavail * disk.f_frsize < group->bytes + group->bytes / 10)
        snprintf(reason, size, "There is not enough free space for a second copy.");
    else
        return false;
    return true;
}

static char *hidden_path(const char *path)
{
    int folder_length = (int)strlen(path);
    while (folder_length > 0 && path[folder_length - 1] != '/')
        folder_length--;
    char *hidden = NULL;
    const int printed =
        asprintf(&hidden, "%.*s.%s.finalizing", folder_length, path, path + folder_length);
    require(printed > 0);
    return hidden;
}

/* The first part's name, with the ending of what the group becomes. */
static char *final_path(const Group *group)
{
    const char *first = group->parts[0]->path;
    const char *dot = strrchr(first, '.');
    const int length = dot != NULL ? (int)(dot - first) : (int)strlen(first);
    char *path = NULL;
    require(asprintf(&path, "%.*s.%s", length, first, container_extension(group->container)) > 0);
    return path;
}

static void sync_folder(const char *path)
{
    char *folder = strdup(path);
    require(folder != NULL);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder ? 1 : 0] = '\0';
    const int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* Puts the new file in place, then removes the parts that it replaces. */
static int replace_parts(const Group *group, const char *hidden, const char *path)
{
    bool is_own = false;
    for (unsigned i = 0; i < group->count; i++)
        is_own = is_own || strcmp(group->parts[i]->path, path) == 0;
    const unsigned flags = is_own ? 0 : RENAME_NOREPLACE;
    if (renameat2(AT_FDCWD, hidden, AT_FDCWD, path, flags) < 0)
        return AVERROR(errno);
    sync_folder(path);
    for (unsigned i = 0; i < group->count; i++) {
        if (strcmp(group->parts[i]->path, path) != 0)
            unlink(group->parts[i]->path);
    }
    return 0;
}

static bool duration_fits(int64_t measured_ns, int64_t written_ns)
{
    return llabs(measured_ns - written_ns) <= NS_PER_SECOND + written_ns / 50;
}

typedef struct {
    OutputFile *file; /* gets its length and size */
    uint64_t packets;
    char error[OUTCOME_SENTENCE_MAX];
} Measure;

static bool measure(const char *path, Measure *measure)
{
    Inspection *inspection = calloc(1, sizeof *inspection);
    require(inspection != NULL);
    const bool is_media = inspect_file(path, inspection, measure->error, sizeof measure->error);
    measure->file->duration_ns = inspection->duration_ns;
    measure->file->bytes = inspection->bytes;
    for (unsigned i = 0; i < inspection->track_count; i++)
        measure->packets += inspection->tracks[i].packets;
    free(inspection);
    return is_media;
}

/* Of an interrupted file all that could be read is to be in the copy: what is behind an error is
 * not read, and such a file is not copied. */
static bool has_all_packets(const Group *group, uint64_t packets)
{
    return !group->parts[0]->interrupted || packets >= group->parts[0]->packets;
}

/* To its last frame, or to the end of the pause in which it was held. */
static bool is_whole(const FinalizeJob *job, const Group *group, const OutputFile *file)
{
    int64_t held_until_ns = 0;
    for (unsigned i = 0; i < job->track_count; i++)
        held_until_ns = job->tracks[i]->held_until_ns;
    return duration_fits(file->duration_ns, group->end_ns - file->zero_ns) ||
           (held_until_ns > 0 && duration_fits(file->duration_ns, held_until_ns - file->zero_ns));
}

/* The group as one file, in its final place. False with a reason, and all files as they were. */
static bool rewrite(const FinalizeJob *job, const Group *group, const char *path, OutputFile *file)
{
    char *hidden = hidden_path(path);
    Measure found = {.file = file};
    unlink(hidden);
    int failed = remux_run(&(RemuxJob){.config = job->config,
                                       .parts = group->parts,
                                       .part_count = group->count,
                                       .container = group->container,
                                       .path = hidden},
                           &file->zero_ns);
    if (failed == 0 && (!measure(hidden, &found) || !is_whole(job, group, file) ||
                        !has_all_packets(group, found.packets)))
        failed = AVERROR_INVALIDDATA;
    if (failed == 0)
        failed = replace_parts(group, hidden, path);
    if (failed < 0) {
        char text[AV_ERROR_MAX_STRING_SIZE];
        unlink(hidden);
        av_strerror(failed, text, sizeof text);
        snprintf(file->reason, sizeof file->reason, "The plain file could not be written: %s.",
                 text);
    }
    free(hidden);
    return failed == 0;
}

static OutputFile *add_file(OutputResult *result, const char *path)
{
    result->files = realloc(result->files, (result->file_count + 1) * sizeof result->files[0]);
    require(result->files != NULL);
    OutputFile *file = &result->files[result->file_count++];
    memset(file, 0, sizeof *file);
    file->path = strdup(path);
    require(file->path != NULL);
    return file;
}

static void check_measured(OutputResult *result, const OutputFile *file, bool is_media,
                           int64_t written_ns, const char *error)
{
    if (result->outcome.kind != OUTCOME_NONE)
        return;
    if (!is_media)
        outcome_set(&result->outcome, OUTCOME_FAILED, CODE_WRITE_FAILED, "%s", error);
    else if (!duration_fits(file->duration_ns, written_ns))
        outcome_set(&result->outcome, OUTCOME_FAILED, CODE_WRITE_FAILED,
                    "%s lasts %.1f s, but %.1f s were written to it.", file->path,
                    (double)file->duration_ns / NS_PER_SECOND, (double)written_ns / NS_PER_SECOND);
}

static bool is_removed(const char *path, OutputResult *result)
{
    struct stat status;
    if (lstat(path, &status) == 0 || errno != ENOENT)
        return false;
    if (result->outcome.kind == OUTCOME_NONE)
        av_error_outcome(&result->outcome, AVERROR(ENOENT), "Cannot find", path);
    return true;
}

/* The parts as they are on disk. */
static void keep(const Group *group, const char *reason, OutputResult *result)
{
    for (unsigned i = 0; i < group->count; i++) {
        const Part *part = group->parts[i];
        if (is_removed(part->path, result))
            continue;
        OutputFile *file = add_file(result, part->path);
        Measure found = {.file = file};
        const bool is_media = measure(part->path, &found);
        file->bytes = part->bytes;
        file->zero_ns = part->zero_ns;
        file->fragmented = container_is_fragmented(part->container);
        snprintf(file->reason, sizeof file->reason, "%s", reason);
        check_measured(result, file, is_media, part->end_ns - part->zero_ns, found.error);
    }
}

static void finish_group(const FinalizeJob *job, const Group *group, OutputResult *result)
{
    char reason[sizeof(((OutputFile *)NULL)->reason)] = "";
    const bool needs_rewrite = group->count > 1 || group->parts[0]->interrupted ||
                               container_is_fragmented(group->container) ||
                               (has_corrections(job) && container_holds_pictures(group->container));
    if (!needs_rewrite || is_hindered(job, group, reason, sizeof reason)) {
        keep(group, reason, result);
        return;
    }
    char *path = final_path(group);
    OutputFile file = {0};
    if (rewrite(job, group, path, &file)) {
        OutputFile *added = add_file(result, path);
        file.path = added->path;
        *added = file;
    } else {
        keep(group, file.reason, result);
    }
    free(path);
}

/* A file in which no frame is, is no result. */
static bool is_empty(const Part *part)
{
    return part->packets == 0 || part->bytes == 0;
}

static void finish_parts(const FinalizeJob *job, OutputResult *result)
{
    Group *groups = calloc(TRACK_SET_MAX_PARTS, sizeof *groups);
    require(groups != NULL);
    unsigned group_count = 0;
    for (unsigned i = 0; i < job->part_count; i++) {
        if (is_empty(job->parts[i])) {
            if (!job->parts[i]->interrupted)
                unlink(job->parts[i]->path);
            continue;
        }
        if (group_count == 0 || !group_takes(&groups[group_count - 1], job->parts[i]))
            group_count++;
        group_add(&groups[group_count - 1], job->parts[i]);
    }
    for (unsigned i = 0; i < group_count; i++) {
        if (groups[i].count > 1)
            groups[i].container = merged_container(job, &groups[i]);
        finish_group(job, &groups[i], result);
    }
    free(groups);
}

static OutputResult start_result(const FinalizeJob *job)
{
    OutputResult result = {.outcome = *job->outcome, .track_count = job->track_count};
    for (unsigned i = 0; i < job->track_count; i++)
        result.tracks[i] = job->tracks[i]->result;
    return result;
}

void finalize_run(const FinalizeJob *job, OutputResult *ret_result)
{
    OutputResult result = start_result(job);
    finish_parts(job, &result);
    *ret_result = result;
}

void finalize_discard(const FinalizeJob *job, OutputResult *ret_result)
{
    *ret_result = start_result(job);
    for (unsigned i = 0; i < job->part_count; i++)
        unlink(job->parts[i]->path);
}
