/* Turns the packets of one track, in order, into whole frames: RFC 6184 (H.264), 7798 (H.265),
 * 7741 (VP8), 9628 (VP9), the AV1 RTP payload, 7587 (Opus), 3551 (PCMU, PCMA).
 * H.264 and H.265 leave as Annex B with four-byte start codes, AV1 as a temporal unit of OBUs with
 * size fields and no temporal delimiter, VP9 as a superframe when a picture has several layers, of
 * which only the last is shown.
 * A frame leaves only if all its packets came and what it refers to left too: nothing before the
 * first key frame, nothing between a lost frame and the next key frame, no blank frame of the
 * server (8x8 VP8, 2x2 H.264).
 * Thread: net. Frames come from the pool; nothing else is allocated after new. */
#pragma once

#include "base/pool.h"
#include "flow/frame.h"
#include "flow/ledger.h"
#include "flow/packet.h"

typedef struct Depayloader Depayloader;

typedef struct {
    void *owner;
    /* Takes over the reference; pts_ns is not set yet. */
    void (*frame)(void *owner, Frame *frame);
    /* A key frame is needed to go on; called once for each loss, or at the start. */
    void (*need_keyframe)(void *owner);
} DepayloaderOut;

/* One for the life of a track; `row` is its STAGE_DEPAY. */
Depayloader *depayloader_new(TrackKind kind, Pool *pool, LedgerRow *row, DepayloaderOut out);
void depayloader_free(Depayloader *depayloader);

/* The codec may change between packets: an unfinished frame is dropped then and a key frame is
 * needed. `lost_before` packets in front of this one are gone for good. */
void depayloader_push(Depayloader *depayloader, const RtpPacket *packet, Codec codec,
                      unsigned lost_before);

/* End of the track: an unfinished frame is finished if its marker came, else dropped. */
void depayloader_flush(Depayloader *depayloader);

/* Frames were dropped behind the depayloader (a full queue): drop up to the next key frame. */
void depayloader_break_references(Depayloader *depayloader);
bool depayloader_waits_for_keyframe(const Depayloader *depayloader);

/* How many pictures can be missing so far because something was lost: each of which something came
 * and that did not leave, and one for each lost packet that was of none of them. The server's blank
 * ones and those before the first key frame are not missed. */
uint64_t depayloader_missing(const Depayloader *depayloader);

/* Adds what a packet touches of it, of what it is told of by its codec only the beginning. */
void depayloader_hot_memory(const Depayloader *depayloader, HotMemory *hot);
