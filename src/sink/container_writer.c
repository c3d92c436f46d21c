#include "sink/container_writer.h"

#include <errno.h>
#include <libavformat/avformat.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "sink/codec_config.h"
#include "sink/fragment_file.h"
#include "sink/mp4_fragments.h"

#define MAX_STREAMS MP4_FRAGMENTS_MAX_TRACKS
#define PLAIN_COMMIT_BYTES (1U << 20)

/* Of the index of a plain MP4: stts 8, stsz 4, stsc 12, co64 8, stss 4 and a little for each. */
#define INDEX_BYTES_PER_PACKET 40
#define INDEX_BYTES_PER_TRACK 8192

struct ContainerWriter {
    AVFormatContext *format; /* of a growing MP4 until its header is written */
    Mp4Fragments *fragments; /* a growing MP4's; else NULL */
    FragmentFile *file;
    AVPacket *packet;
    Container container;
    bool plain;
    bool started, finished;
    uint64_t expected_packets;
    int64_t header_bytes;
    unsigned stream_count;
    AVRational time_bases[MAX_STREAMS]; /* as the muxer has them */
    int64_t last_ticks[MAX_STREAMS];
};

static const char *muxer_name(Container container)
{
    static const char *const names[CONTAINER_COUNT] = {
        [CONTAINER_MP4] = "mp4", [CONTAINER_WEBM] = "webm",     [CONTAINER_MKV] = "matroska",
        [CONTAINER_OGG] = "ogg", [CONTAINER_MPEGTS] = "mpegts", [CONTAINER_M4A] = "ipod",
        [CONTAINER_MP3] = "mp3", [CONTAINER_WAV] = "wav",
    };
    return names[container];
}

static void set_metadata(ContainerWriter *writer, const ContainerWriterConfig *config)
{
    if (config->title != NULL && config->title[0] != '\0')
        av_dict_set(&writer->format->metadata, "title", config->title, 0);
    if (config->created_wall_ns <= 0)
        return;
    const time_t seconds = (time_t)(config->created_wall_ns / NS_PER_SECOND);
    struct tm utc;
    char text[40];
    if (gmtime_r(&seconds, &utc) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000000Z", &utc) > 0)
        av_dict_set(&writer->format->metadata, "creation_time", text, 0);
}

ContainerWriter *container_writer_new(const ContainerWriterConfig *config, int *ret_error)
{
    FragmentFile *file = fragment_file_new(config->path, config->plain ? PLAIN_COMMIT_BYTES : 0);
    if (file == NULL) {
        *ret_error = AVERROR(errno);
        return NULL;
    }
    ContainerWriter *writer = calloc(1, sizeof *writer);
    require(writer != NULL);
    writer->file = file;
    writer->container = config->container;
    writer->plain = config->plain;
    writer->expected_packets = config->expected_packets;
    writer->packet = av_packet_alloc();
    require(writer->packet != NULL);
    if (container_is_fragmented(config->container) && !config->plain)
        writer->fragments = mp4_fragments_new();
    avformat_alloc_output_context2(&writer->format, NULL, muxer_name(config->container), NULL);
    require(writer->format != NULL);
    writer->format->pb = fragment_file_io(file);
    writer->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    writer->format->avoid_negative_ts = 0;
    writer->format->max_interleave_delta = 0;
    set_metadata(writer, config);
    return writer;
}

void container_writer_free(ContainerWriter *writer)
{
    if (writer == NULL)
        return;
    avformat_free_context(writer->format);
    mp4_fragments_free(writer->fragments);
    fragment_file_free(writer->file);
    av_packet_free(&writer->packet);
    free(writer);
}

static AVRational time_base_of(const AVCodecParameters *parameters)
{
    if (parameters->codec_type == AVMEDIA_TYPE_AUDIO)
        return (AVRational){1, parameters->sample_rate};
    return (AVRational){1, 90000};
}

int container_writer_add(ContainerWriter *writer, const ContainerWriterTrack *track)
{
    require(!writer->started);
    if (writer->format->nb_streams >= MAX_STREAMS)
        return AVERROR(ENOSPC);
    AVStream *stream = avformat_new_stream(writer->format, NULL);
    require(stream != NULL);
    const int copied = avcodec_parameters_copy(stream->codecpar, track->parameters);
    if (copied < 0)
        return copied;
    /* Apple's players want hvc1, although parameter sets are in the samples as well. */
    const bool is_hvc1 =
        writer->container == CONTAINER_MP4 && track->parameters->codec_id == AV_CODEC_ID_HEVC;
    stream->codecpar->codec_tag = is_hvc1 ? MKTAG('h', 'v', 'c', '1') : 0;
    stream->time_base = time_base_of(stream->codecpar);
    if (stream->index == 0 || stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
        stream->disposition |= AV_DISPOSITION_DEFAULT;
    if (track->language != NULL && track->language[0] != '\0')
        av_dict_set(&stream->metadata, "language", track->language, 0);
    if (track->title != NULL && track->title[0] != '\0')
        av_dict_set(&stream->metadata,
                    container_is_fragmented(writer->container) ? "handler_name" : "title",
                    track->title, 0);
    writer->last_ticks[stream->index] = AV_NOPTS_VALUE;
    writer->stream_count++;
    return 0;
}

uint64_t container_writer_index_bytes(unsigned tracks, uint64_t packets)
{
    return INDEX_BYTES_PER_TRACK * (1 + (uint64_t)tracks) + INDEX_BYTES_PER_PACKET * packets;
}

static void set_options(const ContainerWriter *writer, AVDictionary **options)
{
    if (writer->container == CONTAINER_OGG)
        av_dict_set_int(options, "page_duration", 500000, 0);
    if (writer->container == CONTAINER_WAV)
        av_dict_set(options, "rf64", "auto", 0);
    if (writer->container == CONTAINER_WEBM || writer->container == CONTAINER_MKV) {
        /* Clusters end when we flush, or at a key frame. */
        av_dict_set_int(options, "cluster_time_limit", 5000, 0);
        av_dict_set_int(options, "cluster_size_limit", 64 << 20, 0);
    }
    if (!container_is_fragmented(writer->container))
        return;
    av_dict_set_int(options, "video_track_timescale", 90000, 0);
    av_dict_set_int(options, "movie_timescale", 90000, 0);
    if (writer->fragments != NULL) {
        /* Without frag_discont empty_moov forgets that a track begins later than the file. */
        av_dict_set(options, "movflags", "empty_moov+default_base_moof+frag_custom+frag_discont",
                    0);
        av_dict_set_int(options, "use_editlist", 0, 0);
        return;
    }
    const uint64_t index_bytes =
        container_writer_index_bytes(writer->format->nb_streams, writer->expected_packets);
    if (index_bytes < INT32_MAX)
        av_dict_set_int(options, "moov_size", (int64_t)index_bytes, 0);
}

/* The header is FFmpeg's, and all that it does for a growing MP4. */
static void leave_muxer(ContainerWriter *writer)
{
    for (unsigned i = 0; i < writer->stream_count; i++) {
        const AVStream *stream = writer->format->streams[i];
        mp4_fragments_add_track(writer->fragments, codec_config_codec(stream->codecpar->codec_id),
                                (unsigned)writer->time_bases[i].den);
    }
    avformat_free_context(writer->format);
    writer->format = NULL;
}

int container_writer_start(ContainerWriter *writer)
{
    AVDictionary *options = NULL;
    set_options(writer, &options);
    int error = avformat_write_header(writer->format, &options);
    av_dict_free(&options);
    if (error < 0)
        return error;
    writer->started = true;
    for (unsigned i = 0; i < writer->stream_count; i++)
        writer->time_bases[i] = writer->format->streams[i]->time_base;
    error = fragment_file_commit(writer->file);
    writer->header_bytes = (int64_t)fragment_file_bytes(writer->file);
    if (writer->fragments != NULL)
        leave_muxer(writer);
    return error;
}

static int write_through_muxer(ContainerWriter *writer, const ContainerWriterPacket *packet,
                               int64_t ticks, int64_t duration_ticks)
{
    AVPacket *out = writer->packet;
    av_packet_unref(out);
    out->stream_index = (int)packet->stream;
    out->pts = out->dts = ticks;
    out->duration = duration_ticks;
    out->flags = packet->is_key ? AV_PKT_FLAG_KEY : 0;
    out->data = (uint8_t *)packet->data;
    out->size = (int)packet->size;
    return av_write_frame(writer->format, out);
}

static int add_to_fragment(ContainerWriter *writer, const ContainerWriterPacket *packet,
                           int64_t ticks, int64_t duration_ticks)
{
    mp4_fragments_add(writer->fragments, packet->stream,
                      &(Mp4Sample){.frame = packet->frame,
                                   .data = packet->data,
                                   .size = packet->size,
                                   .ticks = ticks,
                                   .duration_ticks = duration_ticks,
                                   .is_key = packet->is_key});
    if (!mp4_fragments_is_full(writer->fragments))
        return 0;
    return mp4_fragments_commit(writer->fragments, writer->file);
}

int container_writer_write(ContainerWriter *writer, const ContainerWriterPacket *packet)
{
    const AVRational ns = {1, NS_PER_SECOND};
    const AVRational time_base = writer->time_bases[packet->stream];
    const int64_t last = writer->last_ticks[packet->stream];
    const int64_t duration_ticks = av_rescale_q(packet->duration_ns, ns, time_base);
    int64_t ticks = av_rescale_q(packet->pts_ns, ns, time_base);
    if (last != AV_NOPTS_VALUE && ticks <= last)
        ticks = last + 1;
    writer->last_ticks[packet->stream] = ticks;
    if (writer->fragments != NULL)
        return add_to_fragment(writer, packet, ticks, duration_ticks);
    return write_through_muxer(writer, packet, ticks, duration_ticks);
}

/* A WAV tells its size at two places of its header, the last of which ends it; over 4 GiB it says
 * "up to the end" until the muxer makes it an RF64. */
static void tell_wav_size(const ContainerWriter *writer)
{
    AVIOContext *io = writer->format->pb;
    const int64_t end = avio_tell(io);
    const int64_t sizes[] = {end - 8, end - writer->header_bytes};
    const int64_t places[] = {4, writer->header_bytes - 4};
    for (unsigned i = 0; i < 2; i++) {
        avio_seek(io, places[i], SEEK_SET);
        avio_wl32(io, sizes[i] < UINT32_MAX ? (unsigned)sizes[i] : UINT32_MAX);
    }
    avio_seek(io, end, SEEK_SET);
}

int container_writer_flush(ContainerWriter *writer)
{
    if (writer->fragments != NULL)
        return mp4_fragments_commit(writer->fragments, writer->file);
    const int error = writer->plain ? 0 : av_write_frame(writer->format, NULL);
    if (error < 0)
        return error;
    if (writer->container == CONTAINER_WAV && !writer->plain)
        tell_wav_size(writer);
    return fragment_file_commit(writer->file);
}

int container_writer_finish(ContainerWriter *writer)
{
    if (!writer->started || writer->finished)
        return 0;
    writer->finished = true;
    if (writer->fragments != NULL)
        return mp4_fragments_finish(writer->fragments, writer->file);
    const int error = av_write_trailer(writer->format);
    const int commit_error = fragment_file_commit(writer->file);
    return error < 0 ? error : commit_error;
}

int container_writer_sync(ContainerWriter *writer)
{
    return fragment_file_sync(writer->file);
}

uint64_t container_writer_bytes(const ContainerWriter *writer)
{
    return fragment_file_bytes(writer->file);
}
