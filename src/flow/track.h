/* What a room says about a published track, and the counters that its stages keep.
 * Thread: TrackCounters: written by one thread each (named), read by any. */
#pragma once

#include "base/hot_memory.h"
#include "flow/codec.h"
#include "flow/ledger.h"

typedef enum {
    SOURCE_UNKNOWN,
    SOURCE_CAMERA,
    SOURCE_MICROPHONE,
    SOURCE_SCREEN_SHARE,
    SOURCE_SCREEN_SHARE_AUDIO,
} TrackSource;

const char *track_source_name(TrackSource source); /* "screen_share", ... */

/* What a track goes through on its way into the file. */
typedef enum {
    TREATMENT_PASSTHROUGH, /* as published */
    TREATMENT_LAYER,       /* one of its layers, as published */
    TREATMENT_TRANSCODE,
    TREATMENT_REFUSED,
} Treatment;

const char *treatment_name(Treatment treatment); /* "passthrough", "layer", ... */

/* What a publisher sends from a moment on. */
typedef struct {
    int64_t at_ns; /* on the recording's timeline */
    Codec codec;
    uint32_t width, height; /* of pictures */
    uint32_t channels;      /* of sound */
} TrackInput;

/* Pictures that are missing because packets or frames were lost. */
typedef struct {
    int64_t start_ns,
        end_ns;       /* the last picture before it and the first behind it, on the timeline */
    unsigned frames;  /* by the usual distance of pictures, without a time of none */
    uint64_t packets; /* that were given up */
    bool queue_was_full;
    bool ends_with_key; /* what came in between referred to what was lost */
} TrackGap;

typedef struct {
    Ledger ledger;

    /* net */
    _Atomic uint64_t packets;
    _Atomic uint64_t bytes;         /* RTP payload */
    _Atomic uint64_t lost;          /* given up */
    _Atomic uint64_t recovered;     /* came by retransmission */
    _Atomic uint64_t nacks;         /* packets asked for again */
    _Atomic uint64_t expected;      /* packets, by their numbers; grows with each receiver report */
    _Atomic uint64_t missing;       /* of them, before they were asked for again */
    _Atomic int64_t queue_delay_ns; /* that they had on their way in the last second */
    _Atomic int64_t round_trip_ns;  /* to the server; 0 = not known */
    _Atomic uint64_t plis;
    _Atomic uint64_t keyframes;
    _Atomic uint64_t sender_reports;
    _Atomic int64_t first_packet_ns; /* monotonic; 0 = none yet */
    _Atomic int64_t last_packet_ns;
    _Atomic int64_t first_frame_ns;
    _Atomic int64_t drift_ppb; /* publisher's clock against ours */
    _Atomic int64_t clock_offset_ns;
    _Atomic uint32_t clock_steps;
    _Atomic uint32_t ssrc;
    _Atomic int codec; /* Codec of the last packet whose payload type is known */

    /* sink */
    _Atomic uint64_t frames_written;
    _Atomic uint64_t bytes_written;
    _Atomic uint64_t silence_ns;   /* audio made up for what did not come */
    _Atomic int64_t last_write_ns; /* monotonic; 0 = none yet */
    _Atomic uint32_t width, height;
} TrackCounters;

/* Adds what packets and frames on the net thread touch of them. */
void track_counters_hot_memory(const TrackCounters *counters, HotMemory *hot);
