/* Reads what shall go wrong in the embedded room, and when:
 *   NAME[=VALUE][:TARGET][@START[+DURATION]]
 * for example "loss=5%@2s+3s", "stall:alice/video@4s", "leave-message=disconnect,room_deleted@3s".
 * TARGET is a publisher's identity, "video", "audio" or "IDENTITY/video"; without it all tracks are
 * meant. START and DURATION are on the room's clock ("2s", "250ms", "2.5" in seconds); without them
 * the fault holds from the beginning and for ever. fault_catalog() lists names, values and help.
 * Thread: any; values only. */
#pragma once

#include <stddef.h>

#include "flow/codec.h"

typedef enum {
    /* the path of packets */
    FAULT_LOSS,
    FAULT_BURST,
    FAULT_REORDER,
    FAULT_DUPLICATE,
    FAULT_JITTER,
    FAULT_MALFORMED_RTP,
    FAULT_MALFORMED_PAYLOAD,
    FAULT_MALFORMED_RTCP,
    FAULT_MALFORMED_DATAGRAM,
    FAULT_NO_RETRANSMISSION,
    FAULT_NO_SENDER_REPORT,
    FAULT_WRAP,
    FAULT_HUGE_EXTENSION,
    FAULT_TIMESTAMP_JUMP,
    FAULT_ABSURD_SENDER_REPORT,
    FAULT_DELAY,
    FAULT_FEEDBACK_LOSS,
    FAULT_RATE,
    FAULT_REPEATS,
    /* what tracks do */
    FAULT_STALL,
    FAULT_NO_MEDIA,
    FAULT_NO_KEYFRAME,
    FAULT_MUTE,
    FAULT_UNMUTE,
    FAULT_PAUSE,
    FAULT_REPUBLISH,
    FAULT_UNPUBLISH,
    FAULT_LEAVE,
    FAULT_CODEC_CHANGE,
    FAULT_RESIZE,
    FAULT_NO_TRACK,
    FAULT_ENCRYPTED,
    FAULT_NO_SIZE,
    FAULT_SSRC_CHANGE,
    /* signalling */
    FAULT_DENY,
    FAULT_NO_SUBSCRIBE_ANSWER,
    FAULT_SUBSCRIPTION_ERROR,
    FAULT_MALFORMED_SIGNAL,
    FAULT_BAD_OFFER,
    FAULT_NO_JOIN,
    FAULT_SLOW_JOIN,
    FAULT_CLOSE_SOCKET,
    FAULT_LEAVE_MESSAGE,
    FAULT_REFUSE_RESUME,
    FAULT_FORGET_SESSION,
    FAULT_MOVE,
    FAULT_FULL,
    FAULT_EXPIRE,
    FAULT_NO_ROOM,
    FAULT_WRONG_FINGERPRINT,
    FAULT_DEAD_CANDIDATES,
    FAULT_COUNT,
} FaultKind;

typedef enum {
    FAULT_VALUE_NONE,
    FAULT_VALUE_PERCENT, /* 5% */
    FAULT_VALUE_COUNT,   /* 20 */
    FAULT_VALUE_TIME,    /* 50ms */
    FAULT_VALUE_SHIFT,   /* -300ms */
    FAULT_VALUE_CODEC,   /* h264 */
    FAULT_VALUE_SIZE,    /* 320x180 */
    FAULT_VALUE_LEAVE,   /* disconnect,room_deleted */
    FAULT_VALUE_NUMBER,  /* 1: one of LiveKit's enumerations */
} FaultValue;

typedef struct {
    const char *name;
    FaultValue value;
    const char *help;
} FaultCatalogEntry;

#define FAULT_IDENTITY_MAX 64

typedef struct {
    FaultKind kind;
    double percent;
    unsigned count;
    int64_t time_ns;
    Codec codec;
    unsigned width, height;
    int leave_action, leave_reason;    /* LiveKit's numbers */
    char identity[FAULT_IDENTITY_MAX]; /* empty = every publisher */
    bool has_track_kind;
    TrackKind track_kind;
    int64_t start_ns;
    int64_t end_ns; /* CLOCK_NEVER = for ever */
} Fault;

#define FAULT_MAX 64

const FaultCatalogEntry *fault_catalog(void); /* FAULT_COUNT entries, in the order of FaultKind */
const char *fault_value_example(FaultValue value);

/* False with a sentence in `ret_error`. */
bool fault_parse(const char *text, Fault *ret_fault, char *ret_error, size_t error_size);

/* `identity` NULL and a publisher's fault never match. */
bool fault_targets(const Fault *fault, const char *identity, TrackKind kind);
bool fault_is_active(const Fault *fault, int64_t now_ns);

typedef struct {
    Fault faults[FAULT_MAX];
    unsigned count;
} FaultScript;

/* The first active fault of that kind, whatever it targets; NULL if there is none. */
const Fault *fault_script_find(const FaultScript *script, FaultKind kind, int64_t now_ns);
const Fault *fault_script_find_for(const FaultScript *script, FaultKind kind, const char *identity,
                                   TrackKind track_kind, int64_t now_ns);

/* "2s", "250ms", "2.5": seconds without a unit. */
bool fault_parse_time(const char *text, int64_t *ret_ns);
