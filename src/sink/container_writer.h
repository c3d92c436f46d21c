/* Writes one media file: growing by whole fragments, or plain with its index first. FFmpeg's muxers
 * do it, but for the fragments of an MP4, which are our own. Times are nanoseconds from the file's
 * zero. Thread: one at a time (a sink's); blocks. Errors are FFmpeg's numbers (negative). */
#pragma once

#include <libavcodec/avcodec.h>
#include <stddef.h>

#include "flow/container.h"
#include "flow/frame.h"

typedef struct ContainerWriter ContainerWriter;

typedef struct {
    const char *path; /* created exclusively */
    Container container;
    bool plain;                /* an MP4 that is not to be fragmented */
    uint64_t expected_packets; /* plain: how much room the index at the front needs */
    const char *title;         /* may be NULL */
    int64_t created_wall_ns;   /* 0 = unknown */
} ContainerWriterConfig;

typedef struct {
    const AVCodecParameters *parameters; /* copied */
    const char *language;                /* may be empty */
    const char *title;
} ContainerWriterTrack;

typedef struct {
    unsigned stream;
    Frame *frame; /* whose data they are; NULL: they last as long as the writer, or it is plain */
    const uint8_t *data;
    size_t size;
    int64_t pts_ns, duration_ns;
    bool is_key;
} ContainerWriterPacket;

/* Creates the file; NULL with an error. */
ContainerWriter *container_writer_new(const ContainerWriterConfig *config, int *ret_error);

/* Closes the file as it is on disk. */
void container_writer_free(ContainerWriter *writer);

/* Before start; streams are numbered from 0 in this order. */
int container_writer_add(ContainerWriter *writer, const ContainerWriterTrack *track);
int container_writer_start(ContainerWriter *writer);

/* A time that does not lie behind the stream's last one is moved one tick behind it. */
int container_writer_write(ContainerWriter *writer, const ContainerWriterPacket *packet);

/* Ends the fragment, cluster or page, and puts it on disk. */
int container_writer_flush(ContainerWriter *writer);

/* Writes the rest and the index. */
int container_writer_finish(ContainerWriter *writer);
int container_writer_sync(ContainerWriter *writer);

uint64_t container_writer_bytes(const ContainerWriter *writer); /* on disk */

/* What a plain MP4 has beside its packets, at most. */
uint64_t container_writer_index_bytes(unsigned tracks, uint64_t packets);
