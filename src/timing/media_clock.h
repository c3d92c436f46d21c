/* Maps RTP timestamps to the recording's timeline in nanoseconds. By arrival first; sender reports
 * then align the tracks of one publisher (RFC 3550 section 6.4.1). Publishers do not share a clock:
 * arrival aligns them. Wraps, reordering and drift are followed, corrections are slewed; RTP times
 * that were set to others step, and so does a discontinuity of over a second. PTS of a track never
 * goes back. Audio keeps its own pace inside a publisher where it can: it is the video that is
 * slewed to it, since a shifted picture is not seen and a shifted sample is heard. Thread: net.
 * Fixed memory; allocates only in new. */
#pragma once

#include "base/hot_memory.h"
#include "flow/codec.h"

typedef struct MediaClock MediaClock;

#define MEDIA_CLOCK_MAX_TRACKS 512

/* Zero of the timeline is `origin_ns` on the monotonic clock. */
MediaClock *media_clock_new(int64_t origin_ns);
void media_clock_free(MediaClock *clock);

/* `track_id` is the recording's own small number (0 ..  MEDIA_CLOCK_MAX_TRACKS-1) and
 * `publisher_id` tells which tracks share a clock. Registering again (new SSRC, republished, codec
 * changed) keeps the timeline: PTS goes on behind what was handed out. False when the number is out
 * of range. */
bool media_clock_register_track(MediaClock *clock, unsigned track_id, unsigned publisher_id,
                                TrackKind kind, uint32_t clock_rate, uint32_t first_rtp,
                                int64_t first_wall_ns);

/* `arrival_ns` is monotonic and may be that of a late packet. False for an unknown track or when
 * the time cannot be placed (before zero, not a number that fits). */
bool media_clock_rtp_to_pts(MediaClock *clock, unsigned track_id, uint32_t rtp_timestamp,
                            int64_t arrival_ns, int64_t *ret_pts_ns);

/* The same for what was sent again: when it came says nothing, its RTP time alone places it. */
bool media_clock_late_rtp_to_pts(MediaClock *clock, unsigned track_id, uint32_t rtp_timestamp,
                                 int64_t *ret_pts_ns);

/* The process stood still in that time, both monotonic: what is read right after it came at some
 * moment of it, and is placed where its RTP time says. */
void media_clock_stood_still(MediaClock *clock, int64_t from_ns, int64_t until_ns);

void media_clock_sender_report(MediaClock *clock, unsigned track_id, uint64_t ntp,
                               uint32_t rtp_timestamp, int64_t arrival_ns);

/* What the first report pair taught about frames already handed out: PTS before slew_start_ns are
 * off by delta_ns (add it), those up to slew_end_ns by a part that falls linearly to zero. */
typedef struct {
    bool known;
    int64_t delta_ns;
    int64_t slew_start_ns, slew_end_ns;
} HeadCorrection;

typedef struct {
    uint64_t reports;          /* sender reports used */
    uint64_t rejected_reports; /* absurd ones */
    int64_t offset_ns;         /* correction in force against plain arrival */
    int64_t drift_ppb;         /* publisher's clock against ours, from arrival; 0 until known */
    unsigned steps;            /* RTP times that were set, discontinuities of over a second */
    int64_t last_step_ns;      /* size of the last */
    HeadCorrection head;
} MediaClockTrack;

bool media_clock_track(const MediaClock *clock, unsigned track_id, MediaClockTrack *ret_track);

/* Adds what a frame of the track touches of it. */
void media_clock_hot_memory(const MediaClock *clock, unsigned track_id, HotMemory *hot);
