/* A receiver whose output is written down as text: "5 7/1" is packet 5, then packet 7 with one
 * given up in front of it. */
#pragma once

#include <glib.h>

#include "base/clock.h"
#include "rtp/receiver.h"

#define MAIN_SSRC 0x11111111
#define RTX_SSRC 0x22222222
#define VIDEO_TYPE 96
#define VIDEO_RTX_TYPE 97

typedef struct {
    Receiver *receiver;
    TrackCounters counters;
    GString *said;
    const uint8_t *last_payload;
    size_t last_size;
    bool last_is_late;
    uint64_t handed_out;
    unsigned lost;
} Listener;

Listener *listener_new(TrackKind kind, unsigned window_packets);
void listener_free(Listener *listener);

RtpPacket video_packet(uint16_t sequence, int64_t at_ms);
void listener_push(Listener *listener, const RtpPacket *packet);
/* One packet of a few bytes on the main SSRC. */
void listener_media(Listener *listener, uint16_t sequence, int64_t at_ms);
void listener_padding(Listener *listener, uint16_t sequence, int64_t at_ms);
void listener_retransmission(Listener *listener, uint16_t sequence, int64_t at_ms);

/* What was handed out since the last call must be this. */
void listener_expect(Listener *listener, const char *said);
uint64_t listener_dropped(const Listener *listener, DropReason reason);
uint64_t listener_held(const Listener *listener);
