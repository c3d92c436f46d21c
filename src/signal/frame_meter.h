/* Counts what a server sends over a WebSocket, frame by frame (RFC 6455 5.2), and says when it is
 * too much:
 * - bytes, messages with their pieces, and pings with pongs, in FRAME_METER_WINDOW_NS,
 * - bytes of one message, in whatever pieces.
 * What breaks the protocol is left to the WebSocket to refuse.
 * Thread: any; values only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define FRAME_METER_WINDOW_NS (10 * NS_PER_SECOND)
#define FRAME_METER_MAX_BYTES (64 * 1024 * 1024)
#define FRAME_METER_MAX_MESSAGES 10000
#define FRAME_METER_MAX_CONTROLS 1000
#define FRAME_METER_MESSAGE_BYTES (16 * 1024 * 1024)

typedef struct {
    int64_t window_ns; /* its begin */
    uint64_t window_bytes;
    unsigned window_messages, window_controls;
    uint64_t message_bytes; /* of the message that is coming, as its headers say */
    uint64_t pong_bytes;    /* what all pings so far are answered with */
    uint8_t head[10];
    unsigned head_size;    /* so much of the next header has come */
    uint64_t payload_left; /* of the frame that is coming */
} FrameMeter;

/* The stream begins with a frame. */
void frame_meter_init(FrameMeter *meter, int64_t now_ns);

/* The next bytes of the stream, cut anywhere. NULL, or why no more of it is to be read, as the end
 * of a sentence; nothing is to be counted after that. */
const char *frame_meter_take(FrameMeter *meter, const uint8_t *data, size_t size, int64_t now_ns);
