/* A small LiveKit-compatible room on loopback with synthetic publishers and scripted faults, for
 * the demo and the tests. It speaks v0 /rtc with one server-offered connection per subscriber,
 * encodes each publisher once and sends to every subscriber.
 * Thread: main, all calls; it answers from the default GMainContext.
 * Its one clock, used by publishers' times and by faults, is zero until the first subscriber has
 * joined and runs from then on. */
#pragma once

#include <glib.h>

#include "flow/codec.h"

#define EMBEDDED_ROOM_ERROR (embedded_room_error_quark())
GQuark embedded_room_error_quark(void);
typedef enum {
    EMBEDDED_ROOM_ERROR_CONFIG,  /* a fault or publisher that is not understood */
    EMBEDDED_ROOM_ERROR_LISTEN,  /* the port is taken */
    EMBEDDED_ROOM_ERROR_ENCODER, /* libavcodec has no encoder of that codec */
} EmbeddedRoomError;

#define EMBEDDED_ROOM_MAX_PUBLISHERS 64

typedef struct {
    const char *identity;
    Codec video_codec;             /* H264, VP8 or VP9; CODEC_UNKNOWN = no video track */
    Codec audio_codec;             /* OPUS; CODEC_UNKNOWN = no audio track */
    unsigned width, height, fps;   /* 0 = 640, 360, 30 */
    unsigned video_bitrate;        /* bits a second; 0 = 600000 */
    int64_t keyframe_interval_ns;  /* 0 = key frames only on request, as WebRTC publishers do */
    int64_t start_ns;              /* on the room's clock; 0 = there from the beginning */
    int64_t leave_ns;              /* 0 = stays */
    int64_t video_delay_ns;        /* the camera is published that much after the microphone */
    bool video_muted, audio_muted; /* joined muted */
    bool screen_share; /* source SCREEN_SHARE (and its audio) instead of camera and microphone */
    double drift_ppm;  /* its clock runs that much faster than ours */
    int64_t ntp_offset_ns; /* its wall clock against ours, seen in sender reports */
} EmbeddedPublisher;

typedef struct {
    unsigned port;          /* 127.0.0.1 always; 0 = chosen */
    const char *api_key;    /* NULL = "devkey" */
    const char *api_secret; /* NULL = generated */
    const char *room_name;  /* NULL = "demo" */
    const EmbeddedPublisher *publishers;
    unsigned publisher_count;
    const char *const *faults; /* texts of room/fault_script.h, NULL-terminated; may be NULL */
    uint32_t random_seed;      /* of losses and jitter; 0 = 1 */
    bool is_load; /* every room's name is taken, and ready-made media are sent (room/load_feed.h) */
} EmbeddedRoomConfig;

typedef struct EmbeddedRoom EmbeddedRoom;

/* NULL with EMBEDDED_ROOM_ERROR. The strings are copied. */
EmbeddedRoom *embedded_room_new(const EmbeddedRoomConfig *config, GError **error);
void embedded_room_free(EmbeddedRoom *room);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmbeddedRoom, embedded_room_free)

unsigned embedded_room_port(const EmbeddedRoom *room);
const char *embedded_room_url(const EmbeddedRoom *room); /* ws://127.0.0.1:PORT */
const char *embedded_room_api_key(const EmbeddedRoom *room);
const char *embedded_room_api_secret(const EmbeddedRoom *room); /* never logged by anyone */

typedef struct {
    unsigned subscribers;       /* connected now */
    uint64_t subscribers_total; /* joined since the start */
    uint64_t video_frames;      /* encoded; each counts once, whoever got it */
    uint64_t skipped;           /* pictures never sent: the machine was over a second behind */
    uint64_t audio_frames;
    uint64_t last_video_number; /* of the first publisher's last encoded picture */
    int64_t first_start_ns;     /* the first publisher's picture 0, on the monotonic clock */
    uint64_t packets_sent;      /* RTP, retransmissions included */
    uint64_t packets_dropped;   /* by a fault */
    uint64_t retransmissions;
    uint64_t nacks; /* sequences asked for */
    uint64_t plis;
    uint64_t receiver_reports;
    uint64_t malformed_requests;        /* signal messages and SDP that were not understood */
    uint64_t load_packets, load_unsent; /* since they were read last, and so is the next */
    unsigned load_late_ms;              /* 99 % of the frames were not later */
} EmbeddedRoomStats;

void embedded_room_stats(EmbeddedRoom *room, EmbeddedRoomStats *ret_stats);

/* The `roomtape room` command: parses the flags of room/room_options.h, prints one JSON line
 * {"url", "api_key", "api_secret", "room"} on standard output when ready and runs until SIGINT or
 * SIGTERM. SIGUSR1 prints the counters at once. Returns the exit status.
 */
int embedded_room_main(int argc, char **argv);
