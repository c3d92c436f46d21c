#include "sink/remux.h"

#include <libavformat/avformat.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "sink/media_input.h"
#include "sink/track_set.h"

/* One part being read, with the packet that is its next. */
typedef struct {
    const Part *part;
    AVFormatContext *format;
    AVPacket *packet;
    bool has_packet;
    int64_t pts_ns; /* of `packet`, recording's timeline, uncorrected */
} Source;

typedef struct {
    Source sources[TRACK_SET_MAX_PARTS];
    unsigned source_count;
    SinkTrack *tracks[OUTPUT_MAX_TRACKS]; /* by stream of the new file */
    AVCodecParameters *parameters[OUTPUT_MAX_TRACKS];
    unsigned track_count;
    ContainerWriter *writer;
    int64_t zero_ns;
} Remux;

int64_t remux_corrected_ns(const SinkTrack *track, int64_t pts_ns)
{
    if (!track->has_correction || pts_ns >= track->slew_end_ns)
        return pts_ns;
    if (pts_ns <= track->slew_start_ns)
        return pts_ns + track->delta_ns;
    const double slew_ns = (double)(track->slew_end_ns - track->slew_start_ns);
    const double rest = (double)(track->slew_end_ns - pts_ns) / slew_ns;
    return pts_ns + (int64_t)((double)track->delta_ns * rest);
}

static int source_open(Source *source, const Part *part)
{
    source->part = part;
    source->packet = av_packet_alloc();
    require(source->packet != NULL);
    const int error = media_input_open(part->path, &source->format);
    if (error < 0)
        return error;
    /* Only in these a page or packet of the container holds several of ours. */
    if (part->container != CONTAINER_OGG && part->container != CONTAINER_MPEGTS)
        source->format->flags |= AVFMT_FLAG_NOPARSE;
    return source->format->nb_streams == part->track_count ? 0 : AVERROR_INVALIDDATA;
}

static void source_close(Source *source)
{
    av_packet_free(&source->packet);
    avformat_close_input(&source->format);
}

static int source_next(Source *source)
{
    source->has_packet = false;
    av_packet_unref(source->packet);
    const int error = av_read_frame(source->format, source->packet);
    const bool is_cut = error < 0 || (source->packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
    if (error == AVERROR_EOF || (is_cut && source->part->interrupted))
        return 0;
    if (error < 0)
        return error;
    const AVStream *stream = source->format->streams[source->packet->stream_index];
    const AVPacket *packet = source->packet;
    const int64_t pts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (pts == AV_NOPTS_VALUE)
        return AVERROR_INVALIDDATA;
    const AVRational ns = {1, NS_PER_SECOND};
    source->pts_ns = source->part->zero_ns + av_rescale_q(pts, stream->time_base, ns);
    source->has_packet = true;
    return 0;
}

static int find_track(const Remux *remux, const SinkTrack *track)
{
    for (unsigned i = 0; i < remux->track_count; i++) {
        if (remux->tracks[i] == track)
            return (int)i;
    }
    return -1;
}

/* What demuxers do not tell: sizes of pictures and VP9's profile and format, which MP4 wants; of an
 * MPEG-TS anything. */
static AVCodecParameters *join_parameters(const AVCodecParameters *read, const SinkTrack *track)
{
    AVCodecParameters *joined = avcodec_parameters_alloc();
    require(joined != NULL && avcodec_parameters_copy(joined, read) >= 0);
    const AVCodecParameters *known = track->parameters;
    if (known == NULL || known->codec_id != joined->codec_id)
        return joined;
    if (joined->width == 0 && joined->sample_rate == 0) {
        require(avcodec_parameters_copy(joined, known) >= 0);
        return joined;
    }
    joined->profile = known->profile;
    joined->format = known->format;
    if (joined->width == 0) {
        joined->width = known->width;
        joined->height = known->height;
    }
    joined->frame_size = known->frame_size;
    joined->initial_padding = 0;
    return joined;
}

static int add_tracks(Remux *remux, const Source *source)
{
    for (unsigned i = 0; i < source->part->track_count; i++) {
        SinkTrack *track = source->part->tracks[i];
        const AVCodecParameters *read = source->format->streams[i]->codecpar;
        const int known = find_track(remux, track);
        if (known >= 0 && remux->parameters[known]->codec_id != read->codec_id)
            return AVERROR(EINVAL);
        if (!source->part->has_start[i])
            continue;
        const int64_t start_ns = remux_corrected_ns(track, source->part->start_ns[i]);
        if (start_ns < remux->zero_ns)
            remux->zero_ns = start_ns;
        if (known >= 0)
            continue;
        remux->tracks[remux->track_count] = track;
        remux->parameters[remux->track_count++] = join_parameters(read, track);
    }
    return 0;
}

static int open_sources(Remux *remux, const RemuxJob *job)
{
    int error = 0;
    remux->zero_ns = INT64_MAX;
    for (unsigned i = 0; i < job->part_count && error == 0; i++) {
        Source *source = &remux->sources[remux->source_count++];
        error = source_open(source, job->parts[i]);
        if (error == 0)
            error = add_tracks(remux, source);
        if (error == 0)
            error = source_next(source);
    }
    return error;
}

static int open_writer(Remux *remux, const RemuxJob *job)
{
    uint64_t packets = 0;
    for (unsigned i = 0; i < job->part_count; i++)
        packets += job->parts[i]->packets;
    int error = 0;
    remux->writer = container_writer_new(
        &(ContainerWriterConfig){.path = job->path,
                                 .container = job->container,
                                 .plain = true,
                                 .expected_packets = packets,
                                 .title = job->config->title,
                                 .created_wall_ns = job->config->started_at_wall_ns},
        &error);
    if (remux->writer == NULL)
        return error;
    for (unsigned i = 0; i < remux->track_count && error == 0; i++)
        error = container_writer_add(
            remux->writer, &(ContainerWriterTrack){.parameters = remux->parameters[i],
                                                   .language = remux->tracks[i]->info.language,
                                                   .title = remux->tracks[i]->info.title});
    return error == 0 ? container_writer_start(remux->writer) : error;
}

static Source *next_source(Remux *remux)
{
    Source *next = NULL;
    for (unsigned i = 0; i < remux->source_count; i++) {
        Source *source = &remux->sources[i];
        if (source->has_packet && (next == NULL || source->pts_ns < next->pts_ns))
            next = source;
    }
    return next;
}

/* Each picture lasts until the next, the last one until the end of a held pause. */
static int64_t duration_of(const SinkTrack *track, int64_t pts_ns)
{
    const bool is_last = pts_ns >= track->last_pts_ns - NS_PER_MS;
    if (is_last && track->held_until_ns > pts_ns)
        return track->held_until_ns - pts_ns;
    return track->typical_ns;
}

static int copy_packet(Remux *remux, const Source *source)
{
    const AVPacket *packet = source->packet;
    if ((unsigned)packet->stream_index >= source->part->track_count)
        return 0;
    const SinkTrack *track = source->part->tracks[packet->stream_index];
    const int stream = find_track(remux, track);
    if (stream < 0)
        return 0;
    const int64_t pts_ns = remux_corrected_ns(track, source->pts_ns) - remux->zero_ns;
    return container_writer_write(
        remux->writer, &(ContainerWriterPacket){.stream = (unsigned)stream,
                                                .data = packet->data,
                                                .size = (size_t)packet->size,
                                                .pts_ns = pts_ns > 0 ? pts_ns : 0,
                                                .duration_ns = duration_of(track, source->pts_ns),
                                                .is_key = (packet->flags & AV_PKT_FLAG_KEY) != 0});
}

static int copy_packets(Remux *remux)
{
    int error = 0;
    Source *source = NULL;
    while (error == 0 && (source = next_source(remux)) != NULL) {
        error = copy_packet(remux, source);
        if (error == 0)
            error = source_next(source);
    }
    return error;
}

static void order_tracks(Remux *remux)
{
    /* Picture first, as players show them; the order of the parts is kept otherwise. */
    Remux ordered = {0};
    for (int pass = 0; pass < 2; pass++) {
        const TrackKind kind = pass == 0 ? TRACK_VIDEO : TRACK_AUDIO;
        for (unsigned i = 0; i < remux->track_count; i++) {
            if (remux->tracks[i]->info.kind != kind)
                continue;
            ordered.tracks[ordered.track_count] = remux->tracks[i];
            ordered.parameters[ordered.track_count++] = remux->parameters[i];
        }
    }
    for (unsigned i = 0; i < ordered.track_count; i++) {
        remux->tracks[i] = ordered.tracks[i];
        remux->parameters[i] = ordered.parameters[i];
    }
}

int remux_run(const RemuxJob *job, int64_t *ret_zero_ns)
{
    Remux *remux = calloc(1, sizeof *remux);
    require(remux != NULL);
    int error = open_sources(remux, job);
    if (error == 0) {
        order_tracks(remux);
        error = open_writer(remux, job);
    }
    if (error == 0)
        error = copy_packets(remux);
    if (error == 0)
        error = container_writer_finish(remux->writer);
    if (error == 0)
        error = container_writer_sync(remux->writer);
    if (error < 0 && remux->writer != NULL)
        unlink(job->path);
    if (error == 0)
        *ret_zero_ns = remux->zero_ns;
    container_writer_free(remux->writer);
    for (unsigned i = 0; i < remux->source_count; i++)
        source_close(&remux->sources[i]);
    for (unsigned i = 0; i < remux->track_count; i++)
        avcodec_parameters_free(&remux->parameters[i]);
    free(remux);
    return error;
}
