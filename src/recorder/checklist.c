#include "recorder/checklist.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct {
    CheckItem *item;
    int64_t now_wall_ns;
} Pen;

__attribute__((format(printf, 3, 4))) static void put(Pen pen, CheckState state, const char *format,
                                                      ...)
{
    if (pen.item->state != state || pen.item->since_wall_ns == 0)
        pen.item->since_wall_ns = pen.now_wall_ns;
    pen.item->state = state;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(pen.item->why, sizeof pen.item->why, format, arguments);
    va_end(arguments);
}

static void check_room(Pen pen, const ChecklistFacts *facts)
{
    if (facts->peer_connected)
        put(pen, CHECK_OK, "signalling joined, peer connection connected");
    else if (facts->connection_failed)
        put(pen, CHECK_FAILED, "%s",
            facts->connection_why ? facts->connection_why : "no connection");
    else
        put(pen, CHECK_NOT_YET, "%s",
            facts->joined ? "joined; the peer connection is being made" : "joining");
}

static bool is_wanted(const TrackStatus *track)
{
    return track->published || track->frames > 0;
}

static void check_publications(Pen pen, const RecordingStatus *status)
{
    unsigned count = 0;
    for (unsigned i = 0; i < status->track_count; i++)
        count += is_wanted(&status->tracks[i]);
    if (count > 0)
        put(pen, CHECK_OK, "%u tracks", count);
    else
        put(pen, CHECK_NOT_YET, "nobody to record has published a track");
}

/* One line over all tracks: how many have it, how many are muted, which is the first that fails. */
typedef struct {
    unsigned total, have, muted;
    const TrackStatus *failed;
} Tally;

typedef bool (*TrackTest)(const TrackStatus *track);

static Tally tally(const RecordingStatus *status, TrackTest counts, TrackTest has)
{
    Tally result = {0};
    for (unsigned i = 0; i < status->track_count; i++) {
        const TrackStatus *track = &status->tracks[i];
        if (!is_wanted(track) || !counts(track))
            continue;
        result.total++;
        if (has(track))
            result.have++;
        else if (track->muted)
            result.muted++;
        else if (track->outcome.code != CODE_NONE && !result.failed)
            result.failed = track;
    }
    return result;
}

static void check_tally(Pen pen, Tally sum, const char *what)
{
    if (sum.failed)
        put(pen, CHECK_FAILED, "%s %u of %u; %s %s: %s", what, sum.have, sum.total,
            sum.failed->identity, track_source_name(sum.failed->source),
            outcome_code_name(sum.failed->outcome.code));
    else if (sum.total > 0 && sum.have == sum.total)
        put(pen, CHECK_OK, "%s %u of %u", what, sum.have, sum.total);
    else if (sum.total > 0 && sum.have + sum.muted == sum.total)
        put(pen, sum.have > 0 ? CHECK_OK : CHECK_NOT_YET, "%s %u of %u; not yet, muted: %u", what,
            sum.have, sum.total, sum.muted);
    else
        put(pen, CHECK_NOT_YET, "%s %u of %u", what, sum.have, sum.total);
}

static bool any_kind(const TrackStatus *track)
{
    (void)track;
    return true;
}

static bool is_video(const TrackStatus *track)
{
    return track->kind == TRACK_VIDEO;
}

static bool is_subscribed(const TrackStatus *track)
{
    return track->subscribed || track->packets > 0;
}

static bool has_packets(const TrackStatus *track)
{
    return track->packets > 0;
}

static bool has_keyframe(const TrackStatus *track)
{
    return track->keyframes > 0;
}

static bool has_written(const TrackStatus *track)
{
    return track->frames_written > 0;
}

static void check_feedback(Pen pen, const RecordingStatus *status)
{
    uint64_t nacks = 0, recovered = 0, plis = 0, packets = 0;
    bool keyframe_missing = false;
    for (unsigned i = 0; i < status->track_count; i++) {
        const TrackStatus *track = &status->tracks[i];
        packets += track->packets;
        nacks += track->nacks;
        recovered += track->recovered;
        plis += track->plis;
        keyframe_missing = keyframe_missing || (track->plis > 2 && track->keyframes == 0);
    }
    const bool nack_unheard = nacks > 20 && recovered == 0;
    const CheckState state = keyframe_missing || nack_unheard ? CHECK_FAILED
                             : packets > 0                    ? CHECK_OK
                                                              : CHECK_NOT_YET;
    put(pen, state,
        "%" PRIu64 " NACKs, %" PRIu64 " packets recovered, %" PRIu64 " key frame requests", nacks,
        recovered, plis);
}

void checklist_update(CheckItem items[CHECK_COUNT], const RecordingStatus *status,
                      const ChecklistFacts *facts, int64_t now_wall_ns)
{
    check_room((Pen){&items[CHECK_ROOM_CONNECTED], now_wall_ns}, facts);
    check_publications((Pen){&items[CHECK_PUBLICATIONS_DISCOVERED], now_wall_ns}, status);
    check_tally((Pen){&items[CHECK_SUBSCRIBED], now_wall_ns},
                tally(status, any_kind, is_subscribed), "subscribed");
    check_tally((Pen){&items[CHECK_FIRST_RTP], now_wall_ns}, tally(status, any_kind, has_packets),
                "receiving");
    check_tally((Pen){&items[CHECK_KEYFRAME], now_wall_ns}, tally(status, is_video, has_keyframe),
                "video with a key frame");
    if (tally(status, is_video, has_keyframe).total == 0 && status->audio_frames > 0)
        put((Pen){&items[CHECK_KEYFRAME], now_wall_ns}, CHECK_OK, "no video track");
    check_tally((Pen){&items[CHECK_FRAMES_FLOWING], now_wall_ns},
                tally(status, any_kind, has_written), "being written");
    check_feedback((Pen){&items[CHECK_RTCP_FEEDBACK], now_wall_ns}, status);
}
