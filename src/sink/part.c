#include "sink/part.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"

#define CUE_BYTES 48 /* of Matroska's index, a cluster */

static int start(Part *part)
{
    for (unsigned i = 0; i < part->track_count; i++) {
        const SinkTrack *track = part->tracks[i];
        const int error = container_writer_add(
            part->writer, &(ContainerWriterTrack){.parameters = track->parameters,
                                                  .language = track->info.language,
                                                  .title = track->info.title});
        if (error < 0)
            return error;
    }
    return container_writer_start(part->writer);
}

Part *part_new(const PartConfig *config, SinkTrack *const *tracks, unsigned track_count,
               int *ret_error)
{
    Part *part = calloc(1, sizeof *part);
    require(part != NULL && track_count <= OUTPUT_MAX_TRACKS);
    part->path = config->path;
    part->container = config->container;
    part->zero_ns = part->end_ns = config->zero_ns;
    part->track_count = track_count;
    part->flushed_ns = INT64_MIN / 2; /* the first frame goes to disk at once */
    for (unsigned i = 0; i < track_count; i++) {
        part->tracks[i] = tracks[i];
        part->codecs[i] = tracks[i]->codec;
    }
    part->writer =
        container_writer_new(&(ContainerWriterConfig){.path = config->path,
                                                      .container = config->container,
                                                      .title = config->title,
                                                      .created_wall_ns = config->created_wall_ns},
                             ret_error);
    if (part->writer == NULL) {
        part_free(part);
        return NULL;
    }
    const int error = start(part);
    if (error < 0) {
        unlink(part->path);
        part_free(part);
        *ret_error = error;
        return NULL;
    }
    return part;
}

void part_free(Part *part)
{
    if (part == NULL)
        return;
    container_writer_free(part->writer);
    free(part->path);
    free(part);
}

int part_stream(const Part *part, const SinkTrack *track)
{
    for (unsigned i = 0; i < part->track_count; i++) {
        if (part->tracks[i] == track)
            return (int)i;
    }
    return -1;
}

int part_flush(Part *part, int64_t now_ns)
{
    const int error = container_writer_flush(part->writer);
    if (error < 0)
        return error;
    part->fragments += part->has_fragment;
    part->has_fragment = false;
    part->flushed_ns = now_ns;
    for (unsigned i = 0; i < part->track_count; i++) {
        if (part->tracks[i]->part == part)
            sink_track_commit(part->tracks[i], now_ns);
    }
    return 0;
}

int part_write(Part *part, SinkTrack *track, const PartPacket *packet, int64_t now_ns)
{
    if (part->has_fragment && packet->pts_ns - part->fragment_start_ns >= OUTPUT_FRAGMENT_NS) {
        const int error = part_flush(part, now_ns);
        if (error < 0)
            return error;
    }
    if (!part->has_fragment) {
        part->has_fragment = true;
        part->fragment_start_ns = packet->pts_ns;
    }
    const int64_t pts_ns = packet->pts_ns > part->zero_ns ? packet->pts_ns - part->zero_ns : 0;
    const int error = container_writer_write(
        part->writer, &(ContainerWriterPacket){.stream = track->stream,
                                               .frame = packet->frame,
                                               .data = packet->data,
                                               .size = packet->size,
                                               .pts_ns = pts_ns,
                                               .duration_ns = packet->duration_ns,
                                               .is_key = packet->is_key});
    if (error < 0)
        return error;
    part->packets++;
    part->payload_bytes += packet->size;
    if (!part->has_start[track->stream])
        part->start_ns[track->stream] = packet->pts_ns;
    part->has_start[track->stream] = true;
    if (part->end_ns < packet->pts_ns + packet->duration_ns)
        part->end_ns = packet->pts_ns + packet->duration_ns;
    return 0;
}

int part_flush_due(Part *part, int64_t now_ns)
{
    const bool is_due = now_ns - part->flushed_ns >= OUTPUT_FRAGMENT_NS;
    return part->has_fragment && is_due ? part_flush(part, now_ns) : 0;
}

int part_finish(Part *part, int64_t now_ns)
{
    if (part->closed)
        return 0;
    int error = part_flush(part, now_ns);
    if (error == 0)
        error = container_writer_finish(part->writer);
    part_abandon(part);
    return error;
}

void part_abandon(Part *part)
{
    if (part->closed)
        return;
    part->closed = true;
    part->bytes = container_writer_bytes(part->writer);
    container_writer_free(part->writer);
    part->writer = NULL;
}

uint64_t part_bytes(const Part *part)
{
    return part->closed ? part->bytes : container_writer_bytes(part->writer);
}

uint64_t part_final_bytes(const Part *part)
{
    const uint64_t bytes = part_bytes(part);
    if (part->container != CONTAINER_MP4)
        return bytes + part->fragments * CUE_BYTES;
    const uint64_t plain =
        part->payload_bytes + container_writer_index_bytes(part->track_count, part->packets);
    return plain > bytes ? plain : bytes;
}
