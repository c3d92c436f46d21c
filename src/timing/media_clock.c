#include "timing/media_clock.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "timing/ntp_alignment.h"
#include "timing/rtp_timeline.h"
#include "timing/slew.h"
#include "timing/transit_filter.h"

#define MIN_INTERVAL_NS NS_PER_MS /* between two PTS of a track, whatever the timestamps say */

#define DISCONTINUITY_NS NS_PER_SECOND
#define STALL_MAX_NS (5 * NS_PER_SECOND)    /* no network keeps packets back for longer */
#define STALL_PROGRESS_NS (20 * NS_PER_MS)  /* jitter alone drains no backlog by that */
#define STALL_PROOF_NS NS_PER_SECOND        /* a backlog gets shorter in that time ... */
#define STALL_REPORT_NS (4 * NS_PER_SECOND) /* ... unless a report shows that it is one */
#define QUEUE_GROWS_NS (500 * NS_PER_MS)    /* by steps under that a full link falls behind */
#define QUEUE_PROOF_NS (8 * NS_PER_SECOND)
#define JUMP_NS (60 * NS_PER_MS) /* by which an RTP time runs ahead of what came in between */
#define JUMP_LOWEST_NS (40 * NS_PER_MS)    /* under the lowest delay; a network does not do both */
#define JUMP_AGE_NS NS_PER_SECOND          /* after which there is a lowest delay to speak of */
#define PICTURE_BACK_NS (200 * NS_PER_MS)  /* RTP times of reordered frames go back so far */
#define PICTURES_BACK 3                    /* or in so many pictures that do not catch up */
#define INTERVAL_MAX_NS (500 * NS_PER_MS)  /* of frames that follow each other */
#define GAP_NS NS_PER_SECOND               /* a pause: nothing contiguous to disturb behind it */
#define GAP_SHIFT_NS (30 * NS_PER_MS)      /* what a server may have moved a timeline in it */
#define REPORT_FAR_NS (3 * NS_PER_SECOND)  /* between a report's RTP time and real time */
#define LIP_SYNC_MAX_NS NS_PER_SECOND      /* tracks further apart do not share a clock */
#define LEADER_IDLE_NS (5 * NS_PER_SECOND) /* a leader that is silent so long is replaced */
#define SETTLED_NS (8 * NS_PER_SECOND)     /* before, the lowest delay may not have been seen */

#define SOUND_TOLERANCE_NS (15 * NS_PER_MS) /* of the leader, against arrival */
#define SOUND_FOLLOWER_TOLERANCE_NS (8 * NS_PER_MS)
#define PICTURE_TOLERANCE_NS (10 * NS_PER_MS)         /* of a leader, against arrival */
#define PICTURE_WAITING_TOLERANCE_NS (40 * NS_PER_MS) /* reports are still to come */
#define REPORTS_WAIT_NS (4 * NS_PER_SECOND) /* for them, so that the head is off by a constant */
#define HEAD_MAX_NS (8 * NS_PER_SECOND)     /* what is found later was not so from the start */
#define PICTURE_FOLLOWER_TOLERANCE_NS NS_PER_MS

#define CATCH_UP_NS NS_PER_SECOND /* after the process stood still */

typedef struct {
    int64_t lowest_ns; /* lag that was seen since it began */
    int64_t until_ns;  /* taken for a backlog for so long; 0 = no stall */
    int64_t behind_ns; /* of the last frame */
} Stall;

typedef struct Track Track;

struct Track {
    bool is_used;
    unsigned publisher_id;
    uint16_t peer; /* a ring through the tracks of the publisher */
    TrackKind kind;
    int64_t registered_ns;
    RtpTimeline timeline;
    int64_t interval_ns;    /* between the last two frames; 0 = unknown */
    unsigned pictures_back; /* in a row that are not newer than one before them */
    NtpAlignment ntp;
    int64_t pair_after_ns; /* reports before this belong to another NTP clock */

    int64_t base_ns;      /* PTS on the monotonic clock minus media time */
    int64_t bias_ns;      /* base minus lowest transit, as others' reports want it */
    int64_t own_error_ns; /* base minus lowest transit and bias, last seen */
    Slew slew;
    int64_t last_sound_step_ns;
    Stall stall;

    bool has_pts;
    int64_t last_pts_ns;
    MediaClockTrack values;
    TransitFilter transit; /* the last, as what ends it is seldom touched */
};

struct MediaClock {
    int64_t origin_ns;
    int64_t still_from_ns, still_until_ns;
    Track tracks[MEDIA_CLOCK_MAX_TRACKS];
};

MediaClock *media_clock_new(int64_t origin_ns)
{
    MediaClock *clock = calloc(1, sizeof *clock);
    require(clock);
    clock->origin_ns = origin_ns;
    return clock;
}

void media_clock_free(MediaClock *clock)
{
    free(clock);
}

static Track *find_track(MediaClock *clock, unsigned track_id)
{
    if (track_id >= MEDIA_CLOCK_MAX_TRACKS || !clock->tracks[track_id].is_used)
        return NULL;
    return &clock->tracks[track_id];
}

static void leave_ring(MediaClock *clock, unsigned track_id)
{
    unsigned before = track_id;
    while (clock->tracks[before].peer != track_id)
        before = clock->tracks[before].peer;
    clock->tracks[before].peer = clock->tracks[track_id].peer;
}

static void join_ring(MediaClock *clock, unsigned track_id)
{
    Track *track = &clock->tracks[track_id];
    track->peer = (uint16_t)track_id;
    for (unsigned i = 0; i < MEDIA_CLOCK_MAX_TRACKS; i++) {
        Track *other = &clock->tracks[i];
        if (i == track_id || !other->is_used || other->publisher_id != track->publisher_id)
            continue;
        track->peer = other->peer;
        other->peer = (uint16_t)track_id;
        return;
    }
}

bool media_clock_register_track(MediaClock *clock, unsigned track_id, unsigned publisher_id,
                                TrackKind kind, uint32_t clock_rate, uint32_t first_rtp,
                                int64_t first_wall_ns)
{
    if (track_id >= MEDIA_CLOCK_MAX_TRACKS || clock_rate == 0)
        return false;
    Track *track = &clock->tracks[track_id];
    const Track before = *track;
    if (before.is_used)
        leave_ring(clock, track_id);
    *track = (Track){
        .is_used = true,
        .publisher_id = publisher_id,
        .kind = kind,
        .registered_ns = first_wall_ns,
        .base_ns = first_wall_ns,
        .has_pts = before.has_pts,
        .last_pts_ns = before.last_pts_ns,
        .values = before.values,
    };
    rtp_timeline_start(&track->timeline, clock_rate, first_rtp, first_wall_ns);
    join_ring(clock, track_id);
    return true;
}

static bool is_active(const Track *track, int64_t now_ns)
{
    return now_ns - track->timeline.last_arrival_ns <= LEADER_IDLE_NS;
}

static bool is_before(const Track *a, const Track *b, int64_t now_ns)
{
    if (is_active(a, now_ns) != is_active(b, now_ns))
        return is_active(a, now_ns);
    if (a->kind != b->kind)
        return a->kind == TRACK_AUDIO;
    return a < b;
}

/* The track that the publisher's others are aligned with: sound where there is some, of those that
 * still come; of equals the first. */
static Track *find_leader(MediaClock *clock, Track *track, int64_t now_ns)
{
    Track *leader = track;
    for (Track *peer = &clock->tracks[track->peer]; peer != track;
         peer = &clock->tracks[peer->peer]) {
        if (is_before(peer, leader, now_ns))
            leader = peer;
    }
    return leader;
}

static bool has_alignment(const Track *track)
{
    return track->ntp.is_known && track->ntp.accepted_ns >= track->pair_after_ns;
}

static void anchor(Track *track, int64_t transit_ns)
{
    track->base_ns = transit_ns;
    track->bias_ns = 0;
    track->stall = (Stall){0};
    track->slew = (Slew){0};
    track->ntp = (NtpAlignment){0};
    transit_filter_reset(&track->transit);
}

static void step(Track *track, int64_t transit_ns)
{
    track->values.steps++;
    track->values.last_step_ns = transit_ns - track->base_ns;
    anchor(track, transit_ns);
}

/* Media that runs ahead of its arrival cannot be explained by the network. Media that runs behind
 * may be a backlog (a stalled network, a key frame that its sender paces out): that one drains. */
static bool is_discontinuity(Track *track, int64_t transit_ns, int64_t arrival_ns)
{
    const int64_t behind_ns = transit_ns - track->base_ns;
    if (behind_ns < -DISCONTINUITY_NS || behind_ns > STALL_MAX_NS)
        return true;
    Stall *stall = &track->stall;
    if (behind_ns <= DISCONTINUITY_NS) {
        *stall = (Stall){.behind_ns = behind_ns};
        return false;
    }
    /* the queue of a saturated link grows packet by packet, and stays; a clock is set at once */
    const bool is_queue = stall->until_ns == 0 && behind_ns - stall->behind_ns < QUEUE_GROWS_NS;
    const int64_t proof_ns = is_queue ? QUEUE_PROOF_NS : STALL_PROOF_NS;
    if (stall->until_ns == 0 || behind_ns <= stall->lowest_ns - STALL_PROGRESS_NS) {
        stall->lowest_ns = behind_ns;
        if (stall->until_ns < arrival_ns + proof_ns)
            stall->until_ns = arrival_ns + proof_ns;
    }
    return arrival_ns >= stall->until_ns;
}

/* Packets come in order, so a time that goes back was set back; and one that goes ahead by more
 * than what passed, to where no delay was so short, was set ahead. */
static bool is_jump(Track *track, int64_t media_step_ns, int64_t arrival_ns, int64_t transit_ns)
{
    const int64_t arrival_step_ns = arrival_ns - track->timeline.last_arrival_ns;
    int64_t lowest_ns;
    track->pictures_back = media_step_ns <= 0 ? track->pictures_back + 1 : 0;
    if (arrival_step_ns > GAP_NS || track->interval_ns == 0)
        return false;
    if (media_step_ns < 0 && track->kind == TRACK_AUDIO)
        return true;
    if (media_step_ns <= 0)
        return media_step_ns < -PICTURE_BACK_NS || track->pictures_back >= PICTURES_BACK;
    return media_step_ns - arrival_step_ns > JUMP_NS &&
           transit_filter_age(&track->transit, arrival_ns) >= JUMP_AGE_NS &&
           transit_filter_lowest(&track->transit, arrival_ns, &lowest_ns) &&
           transit_ns < lowest_ns - JUMP_LOWEST_NS;
}

/* The frame follows the last one as frames do; all that is known of the track moves along, reports
 * too, of which the next one is believed. */
static void jump(Track *track, int64_t media_step_ns, int64_t arrival_ns)
{
    const int64_t arrival_step_ns = arrival_ns - track->timeline.last_arrival_ns;
    const bool is_next = arrival_step_ns < 3 * track->interval_ns;
    const int64_t jump_ns = media_step_ns - (is_next ? track->interval_ns : arrival_step_ns);
    track->values.steps++;
    track->values.last_step_ns = -jump_ns;
    track->base_ns -= jump_ns;
    track->stall = (Stall){0};
    track->pictures_back = 0;
    transit_filter_move(&track->transit, -jump_ns);
    ntp_alignment_move(&track->ntp, jump_ns);
}

/* After a pause a server goes on with the expected RTP time, give or take some tens of ms; sound
 * can be put where it arrives then, and the next report is believed. A picture that comes earlier
 * than any did shows that its old reports are void. */
static void pass_gap(Track *track, int64_t transit_ns)
{
    const int64_t shift_ns = transit_ns - track->base_ns;
    track->ntp.is_loose = true;
    transit_filter_forget_trend(&track->transit);
    if (track->kind == TRACK_VIDEO) {
        if (shift_ns + track->bias_ns < -GAP_SHIFT_NS)
            track->ntp = (NtpAlignment){0};
    } else if (shift_ns > GAP_SHIFT_NS || shift_ns < -GAP_SHIFT_NS) {
        anchor(track, transit_ns);
    }
}

static int64_t aligned_base(const Track *track, const Track *leader)
{
    return leader->base_ns + track->ntp.offset_ns - leader->ntp.offset_ns;
}

/* What the base is off by against the leader's. False while reports do not tell. */
static bool follow_error(const Track *track, const Track *leader, int64_t *ret_error_ns)
{
    if (track == leader || !has_alignment(track) || !has_alignment(leader))
        return false;
    const int64_t error_ns = aligned_base(track, leader) - track->base_ns;
    if (error_ns > LIP_SYNC_MAX_NS || error_ns < -LIP_SYNC_MAX_NS)
        return false;
    *ret_error_ns = error_ns;
    return true;
}

static void note_head(Track *track, int64_t error_ns)
{
    HeadCorrection *head = &track->values.head;
    if (head->known || !track->has_pts)
        return;
    head->known = true;
    head->delta_ns = error_ns;
    head->slew_start_ns = track->last_pts_ns;
    head->slew_end_ns = track->last_pts_ns + slew_picture_duration(error_ns) + error_ns;
}

static void move_sound(Track *track, int64_t error_ns, int64_t tolerance_ns, int64_t media_step_ns,
                       int64_t now_ns)
{
    if (now_ns - track->last_sound_step_ns < SLEW_SOUND_PAUSE_NS)
        return;
    const int64_t step_ns = slew_sound(error_ns, tolerance_ns, media_step_ns);
    if (step_ns == 0)
        return;
    track->base_ns += step_ns;
    track->last_sound_step_ns = now_ns;
}

static void follow(Track *track, int64_t error_ns, int64_t lowest_ns, int64_t media_step_ns,
                   int64_t now_ns)
{
    if (track->kind == TRACK_VIDEO) {
        note_head(track, error_ns);
        track->base_ns +=
            slew_picture(&track->slew, error_ns, PICTURE_FOLLOWER_TOLERANCE_NS, media_step_ns);
    } else {
        move_sound(track, error_ns, SOUND_FOLLOWER_TOLERANCE_NS, media_step_ns, now_ns);
    }
    track->bias_ns = track->base_ns - lowest_ns;
}

static void lead(Track *track, bool is_waiting, int64_t lowest_ns, int64_t media_step_ns,
                 int64_t now_ns)
{
    const int64_t error_ns = lowest_ns + track->bias_ns - track->base_ns;
    const int64_t age_ns = now_ns - track->registered_ns;
    if (track->kind == TRACK_VIDEO) {
        if (is_waiting && age_ns < REPORTS_WAIT_NS)
            return;
        const int64_t tolerance_ns =
            is_waiting ? PICTURE_WAITING_TOLERANCE_NS : PICTURE_TOLERANCE_NS;
        if (is_waiting && age_ns < HEAD_MAX_NS && llabs(error_ns) > tolerance_ns)
            note_head(track, error_ns);
        track->base_ns += slew_picture(&track->slew, error_ns, tolerance_ns, media_step_ns);
    } else if (transit_filter_age(&track->transit, now_ns) >= SETTLED_NS) {
        move_sound(track, error_ns, SOUND_TOLERANCE_NS, media_step_ns, now_ns);
    }
}

static void correct(MediaClock *clock, Track *track, int64_t media_step_ns, int64_t now_ns)
{
    int64_t lowest_ns = track->base_ns;
    transit_filter_lowest(&track->transit, now_ns, &lowest_ns);
    const Track *leader = find_leader(clock, track, now_ns);
    int64_t error_ns;
    if (follow_error(track, leader, &error_ns))
        follow(track, error_ns, lowest_ns, media_step_ns, now_ns);
    else
        lead(track, track != leader, lowest_ns, media_step_ns, now_ns);
    track->own_error_ns = track->base_ns - lowest_ns;
}

/* PTS never goes back. */
static bool hand_out(Track *track, int64_t pts_ns, int64_t *ret_pts_ns)
{
    if (track->has_pts && pts_ns < track->last_pts_ns + MIN_INTERVAL_NS)
        pts_ns = track->last_pts_ns + MIN_INTERVAL_NS;
    if (pts_ns < 0)
        return false;
    track->has_pts = true;
    track->last_pts_ns = pts_ns;
    *ret_pts_ns = pts_ns;
    return true;
}

void media_clock_stood_still(MediaClock *clock, int64_t from_ns, int64_t until_ns)
{
    clock->still_from_ns = from_ns;
    clock->still_until_ns = until_ns;
}

/* When it came, as far as that can be told. */
static int64_t true_arrival(const MediaClock *clock, const Track *track, int64_t media_ns,
                            int64_t arrival_ns)
{
    const int64_t due_ns = media_ns + track->base_ns;
    const bool is_catching_up = clock->still_until_ns > 0 && arrival_ns >= clock->still_until_ns &&
                                arrival_ns < clock->still_until_ns + CATCH_UP_NS;
    const bool is_of_then = due_ns >= clock->still_from_ns - CATCH_UP_NS && due_ns <= arrival_ns;
    return is_catching_up && is_of_then ? due_ns : arrival_ns;
}

bool media_clock_rtp_to_pts(MediaClock *clock, unsigned track_id, uint32_t rtp_timestamp,
                            int64_t arrival_ns, int64_t *ret_pts_ns)
{
    Track *track = find_track(clock, track_id);
    if (!track)
        return false;
    RtpTimeline *timeline = &track->timeline;
    const int64_t ticks = rtp_timeline_ticks(timeline, rtp_timestamp, arrival_ns);
    const int64_t media_ns = rtp_timeline_ns(timeline, ticks);
    arrival_ns = true_arrival(clock, track, media_ns, arrival_ns);
    const int64_t media_step_ns = media_ns - rtp_timeline_ns(timeline, timeline->last_ticks);
    const int64_t transit_ns = arrival_ns - media_ns;

    bool is_step = false;
    if (is_jump(track, media_step_ns, arrival_ns, transit_ns)) {
        jump(track, media_step_ns, arrival_ns);
        is_step = true;
    } else if (is_discontinuity(track, transit_ns, arrival_ns)) {
        step(track, transit_ns);
        is_step = true;
    } else if (media_step_ns > GAP_NS) {
        pass_gap(track, transit_ns);
    }
    if (track->stall.until_ns == 0)
        transit_filter_add(&track->transit, transit_ns, arrival_ns);
    if (!is_step && media_step_ns > 0 && media_step_ns <= INTERVAL_MAX_NS)
        track->interval_ns = media_step_ns;
    if (is_step || media_step_ns > 0)
        rtp_timeline_note(timeline, rtp_timestamp, ticks, arrival_ns);
    correct(clock, track, is_step ? 0 : media_step_ns, arrival_ns);

    return hand_out(track, media_ns + track->base_ns - clock->origin_ns, ret_pts_ns);
}

bool media_clock_late_rtp_to_pts(MediaClock *clock, unsigned track_id, uint32_t rtp_timestamp,
                                 int64_t *ret_pts_ns)
{
    Track *track = find_track(clock, track_id);
    if (!track)
        return false;
    RtpTimeline *timeline = &track->timeline;
    const int64_t ticks = rtp_timeline_ticks(timeline, rtp_timestamp, timeline->last_arrival_ns);
    const int64_t media_ns = rtp_timeline_ns(timeline, ticks);
    const int64_t media_step_ns = media_ns - rtp_timeline_ns(timeline, timeline->last_ticks);
    if (media_step_ns > 0)
        rtp_timeline_note(timeline, rtp_timestamp, ticks,
                          timeline->last_arrival_ns + media_step_ns);
    return hand_out(track, media_ns + track->base_ns - clock->origin_ns, ret_pts_ns);
}

static bool is_far_off(const Track *track, int64_t media_ns, int64_t arrival_ns)
{
    const int64_t distance_ns = arrival_ns - track->base_ns - media_ns;
    return distance_ns > REPORT_FAR_NS || distance_ns < -REPORT_FAR_NS;
}

/* The publisher's NTP clock was set: reports from before do not go together with later ones. */
static void forget_pairs(MediaClock *clock, Track *track, int64_t now_ns)
{
    track->pair_after_ns = now_ns;
    for (Track *peer = &clock->tracks[track->peer]; peer != track;
         peer = &clock->tracks[peer->peer])
        peer->pair_after_ns = now_ns;
}

void media_clock_sender_report(MediaClock *clock, unsigned track_id, uint64_t ntp,
                               uint32_t rtp_timestamp, int64_t arrival_ns)
{
    Track *track = find_track(clock, track_id);
    if (!track)
        return;
    const RtpTimeline *timeline = &track->timeline;
    const NtpReport report = {
        .ntp_ns = ntp_to_ns(ntp),
        .media_ns =
            rtp_timeline_ns(timeline, rtp_timeline_ticks(timeline, rtp_timestamp, arrival_ns)),
    };
    NtpVerdict verdict = NTP_REJECTED;
    if (ntp != 0 && !is_far_off(track, report.media_ns, arrival_ns))
        verdict = ntp_alignment_report(&track->ntp, report, arrival_ns);
    switch (verdict) {
    case NTP_REJECTED:
        track->values.rejected_reports++;
        return;
    case NTP_JUMPED:
        forget_pairs(clock, track, arrival_ns);
        break;
    case NTP_USED:
        if (track->stall.until_ns != 0)
            track->stall.until_ns = arrival_ns + STALL_REPORT_NS;
        break;
    }
    track->values.reports++;
}

bool media_clock_track(const MediaClock *clock, unsigned track_id, MediaClockTrack *ret_track)
{
    if (track_id >= MEDIA_CLOCK_MAX_TRACKS || !clock->tracks[track_id].is_used)
        return false;
    const Track *track = &clock->tracks[track_id];
    *ret_track = track->values;
    ret_track->offset_ns = track->own_error_ns;
    ret_track->drift_ppb = -track->transit.slope_ppb;
    return true;
}

void media_clock_hot_memory(const MediaClock *clock, unsigned track_id, HotMemory *hot)
{
    if (track_id < MEDIA_CLOCK_MAX_TRACKS)
        hot_memory_add(hot, &clock->tracks[track_id], offsetof(Track, transit.trend));
    hot_memory_add(hot, clock, offsetof(MediaClock, tracks));
}
