#include "sink/inspect.h"

#include <errno.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "sink/media_input.h"
#include "sink/mp4_layout.h"

#define GAP_NS NS_PER_SECOND
#define MAX_DATA_ERRORS 1000
/* No recording is that long: what says so is no time. */
#define TIME_MAX_NS (10 * 365 * 24 * 3600 * NS_PER_SECOND)

typedef struct {
    bool has_time;
    int64_t last_end_ns;
    int64_t previous_ns;
    int64_t typical_ns;
} Progress;

static bool fail(char *error, size_t error_size, const char *path, const char *why)
{
    snprintf(error, error_size, "Cannot inspect %s: %s.", path, why);
    return false;
}

#define EBML_HEAD_BYTES 64

/* One demuxer reads both; the document type in the first element tells them apart (RFC 8794
 * 11.2.3). */
static const char *document_type(const char *path)
{
    static const uint8_t webm[] = {0x42, 0x82, 0x84, 'w', 'e', 'b', 'm'};
    uint8_t head[EBML_HEAD_BYTES];
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return "mkv";
    const size_t size = fread(head, 1, sizeof head, file);
    fclose(file);
    return memmem(head, size, webm, sizeof webm) != NULL ? "webm" : "mkv";
}

static const char *container_of(const AVFormatContext *format, const char *path)
{
    const char *name = format->iformat->name;
    const AVDictionaryEntry *brand = av_dict_get(format->metadata, "major_brand", NULL, 0);
    if (strstr(name, "mp4") != NULL)
        return brand != NULL && strcmp(brand->value, "M4A ") == 0 ? "m4a" : "mp4";
    return strstr(name, "matroska") != NULL ? document_type(path) : name;
}

static void describe_layout(const char *path, Inspection *inspection)
{
    const char *layout = "streamed";
    if (strcmp(inspection->container, "mp4") == 0 || strcmp(inspection->container, "m4a") == 0)
        layout = mp4_layout_name(mp4_layout_read(path));
    else if (strcmp(inspection->container, "ogg") == 0)
        layout = "pages";
    else if (strcmp(inspection->container, "webm") == 0 ||
             strcmp(inspection->container, "mkv") == 0)
        layout = "clusters";
    snprintf(inspection->layout, sizeof inspection->layout, "%s", layout);
}

/* A Matroska tells its length when its index was written with it. */
static bool has_index(const AVFormatContext *format, const Inspection *inspection)
{
    if (strcmp(inspection->layout, "clusters") == 0)
        return format->duration > 0;
    return strcmp(inspection->layout, mp4_layout_name(MP4_LAYOUT_FRAGMENTED)) != 0;
}

static void describe_track(const AVStream *stream, InspectTrack *track)
{
    const AVCodecParameters *parameters = stream->codecpar;
    track->kind = parameters->codec_type == AVMEDIA_TYPE_VIDEO ? TRACK_VIDEO : TRACK_AUDIO;
    snprintf(track->codec, sizeof track->codec, "%s", avcodec_get_name(parameters->codec_id));
    track->width = parameters->width > 0 ? (uint32_t)parameters->width : 0;
    track->height = parameters->height > 0 ? (uint32_t)parameters->height : 0;
    if (track->kind == TRACK_AUDIO) {
        track->sample_rate = (uint32_t)parameters->sample_rate;
        track->channels = (uint32_t)parameters->ch_layout.nb_channels;
    }
    const AVDictionaryEntry *title = av_dict_get(stream->metadata, "title", NULL, 0);
    if (title == NULL)
        title = av_dict_get(stream->metadata, "handler_name", NULL, 0);
    if (title != NULL)
        snprintf(track->title, sizeof track->title, "%s", title->value);
}

static void add_gap(InspectTrack *track, int64_t start_ns, int64_t end_ns)
{
    if (track->gap_count < INSPECT_MAX_GAPS) {
        track->gaps[track->gap_count].start_ns = start_ns;
        track->gaps[track->gap_count].end_ns = end_ns;
    }
    track->gap_count++;
}

/* False for a time that does not make sense. */
static bool to_ns(int64_t ticks, AVRational time_base, int64_t *ret_ns)
{
    *ret_ns = av_rescale_q(ticks, time_base, (AVRational){1, NS_PER_SECOND});
    return *ret_ns > -TIME_MAX_NS && *ret_ns < TIME_MAX_NS;
}

static void measure_packet(InspectTrack *track, Progress *progress, const AVPacket *packet,
                           AVRational time_base)
{
    const int64_t ticks = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    int64_t pts_ns, duration_ns;
    track->bytes += (uint64_t)packet->size;
    track->keyframes += (packet->flags & AV_PKT_FLAG_KEY) != 0;
    track->packets++;
    if (ticks == AV_NOPTS_VALUE || !to_ns(ticks, time_base, &pts_ns))
        return;
    if (!to_ns(packet->duration, time_base, &duration_ns))
        duration_ns = 0;
    if (!progress->has_time) {
        progress->has_time = true;
        track->first_pts_ns = track->last_pts_ns = pts_ns;
        progress->last_end_ns = pts_ns;
    } else {
        const int64_t distance_ns = pts_ns - progress->previous_ns;
        if (distance_ns > GAP_NS)
            add_gap(track, progress->previous_ns, pts_ns);
        else if (distance_ns > 0)
            progress->typical_ns = distance_ns;
    }
    /* A picture is held up to the next one; how long the last one lasts is a guess. */
    if (duration_ns <= 0 || duration_ns > GAP_NS)
        duration_ns = progress->typical_ns;
    progress->previous_ns = pts_ns;
    if (pts_ns > track->last_pts_ns)
        track->last_pts_ns = pts_ns;
    if (pts_ns + duration_ns > progress->last_end_ns)
        progress->last_end_ns = pts_ns + duration_ns;
}

static void read_packets(AVFormatContext *format, const int *track_of, Inspection *inspection,
                         Progress *progress)
{
    AVPacket *packet = av_packet_alloc();
    require(packet != NULL);
    while (inspection->data_errors < MAX_DATA_ERRORS) {
        const int error = av_read_frame(format, packet);
        if (error == AVERROR_EOF)
            break;
        if (error < 0) {
            inspection->data_errors++;
            if (format->pb == NULL || avio_feof(format->pb))
                break;
            continue;
        }
        const bool is_known = (unsigned)packet->stream_index < INSPECT_MAX_TRACKS;
        const int index = is_known ? track_of[packet->stream_index] : -1;
        if ((packet->flags & AV_PKT_FLAG_CORRUPT) != 0)
            inspection->data_errors++;
        else if (inspection->data_errors > 0)
            inspection->goes_on_after_error = true;
        if (index >= 0)
            measure_packet(&inspection->tracks[index], &progress[index], packet,
                           format->streams[packet->stream_index]->time_base);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
}

static void conclude(Inspection *inspection, const Progress *progress)
{
    const InspectTrack *video = NULL;
    const InspectTrack *audio = NULL;
    for (unsigned i = 0; i < inspection->track_count; i++) {
        InspectTrack *track = &inspection->tracks[i];
        if (track->packets == 0)
            continue;
        track->duration_ns = progress[i].last_end_ns - track->first_pts_ns;
        const double span = (double)(track->last_pts_ns - track->first_pts_ns) / NS_PER_SECOND;
        if (track->kind == TRACK_VIDEO && span > 0)
            track->frames_per_second = (double)(track->packets - 1) / span;
        if (progress[i].last_end_ns > inspection->duration_ns)
            inspection->duration_ns = progress[i].last_end_ns;
        if (track->kind == TRACK_VIDEO && video == NULL)
            video = track;
        if (track->kind == TRACK_AUDIO && audio == NULL)
            audio = track;
    }
    if (video != NULL && audio != NULL)
        inspection->start_offset_ns = video->first_pts_ns - audio->first_pts_ns;
}

static void describe_tracks(const AVFormatContext *format, Inspection *inspection, int *track_of)
{
    for (unsigned i = 0; i < INSPECT_MAX_TRACKS; i++)
        track_of[i] = -1;
    for (unsigned i = 0; i < format->nb_streams && i < INSPECT_MAX_TRACKS; i++) {
        const enum AVMediaType type = format->streams[i]->codecpar->codec_type;
        if (type != AVMEDIA_TYPE_VIDEO && type != AVMEDIA_TYPE_AUDIO)
            continue;
        track_of[i] = (int)inspection->track_count;
        describe_track(format->streams[i], &inspection->tracks[inspection->track_count++]);
    }
}

static bool inspect_format(AVFormatContext *format, const char *path, Inspection *inspection)
{
    int track_of[INSPECT_MAX_TRACKS];
    Progress progress[INSPECT_MAX_TRACKS] = {0};
    struct stat status;
    if (stat(path, &status) == 0)
        inspection->bytes = (uint64_t)status.st_size;
    snprintf(inspection->container, sizeof inspection->container, "%s", container_of(format, path));
    describe_layout(path, inspection);
    inspection->has_index = has_index(format, inspection);
    describe_tracks(format, inspection, track_of);
    read_packets(format, track_of, inspection, progress);
    conclude(inspection, progress);
    for (unsigned i = 0; i < inspection->track_count; i++) {
        if (inspection->tracks[i].packets > 0)
            return true;
    }
    return false;
}

/* In MPEG-TS and MP3 sizes and rates are in the frames alone. */
static bool tells_parameters(const AVFormatContext *format)
{
    return strcmp(format->iformat->name, "mpegts") != 0 &&
           strcmp(format->iformat->name, "mp3") != 0;
}

static int open_format(const char *path, AVFormatContext **ret_format)
{
    const int error = media_input_open(path, ret_format);
    if (error < 0 || tells_parameters(*ret_format))
        return error;
    return avformat_find_stream_info(*ret_format, NULL);
}

bool inspect_file(const char *path, Inspection *ret_inspection, char *error, size_t error_size)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return fail(error, error_size, path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fail(error, error_size, path, "it is no file");
    AVFormatContext *format = NULL;
    if (open_format(path, &format) < 0) {
        avformat_close_input(&format);
        return fail(error, error_size, path, "it is no media file that can be read");
    }
    Inspection *inspection = calloc(1, sizeof *inspection);
    require(inspection != NULL);
    const bool has_packets = inspect_format(format, path, inspection);
    if (has_packets)
        *ret_inspection = *inspection;
    free(inspection);
    avformat_close_input(&format);
    return has_packets || fail(error, error_size, path, "it holds no packet");
}
