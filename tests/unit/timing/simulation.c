#include "simulation.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

#define ORIGIN_NS (1000 * NS_PER_SECOND)
#define REPORT_INTERVAL_NS (3 * NS_PER_SECOND)
#define MAX_HEAD 512
#define MAX_JUDGED 400000

typedef struct {
    const SimulationTrack *script;
    unsigned id;
    uint32_t rate;
    uint32_t rtp_offset;
    int64_t frame;
    int64_t capture_ns, arrival_ns; /* of the next frame, our clock */
    int64_t report_ns;
    int64_t first_capture_ns;
    bool is_registered, is_republished;
    bool has_last;
    uint32_t last_rtp;
    int64_t last_pts_ns;
    double error_ms; /* PTS minus capture of the last frame */
    unsigned head_count;
    struct {
        int64_t pts_ns;
        double error_ms;
    } head[MAX_HEAD];
} Player;

typedef struct {
    const Simulation *simulation;
    MediaClock *clock;
    Player players[SIMULATION_MAX_TRACKS];
    uint32_t seed;
    SimulationResult result;
    unsigned judged;
    double *offsets;
} Stage;

static unsigned random_below(Stage *stage, unsigned limit)
{
    stage->seed = stage->seed * 1664525u + 1013904223u;
    return (stage->seed >> 8) % limit;
}

static int64_t seconds_ns(double seconds)
{
    return (int64_t)(seconds * 1e9);
}

static int64_t interval_ns(const SimulationTrack *script)
{
    return script->kind == TRACK_AUDIO ? 20 * NS_PER_MS : NS_PER_SECOND / script->fps;
}

/* Time on the publisher's clock when ours shows `ns` since the origin. */
static int64_t publisher_time(const SimulationTrack *script, int64_t ns)
{
    return script->timeline_ns + ns + ns / 1000000 * script->drift_ppm;
}

static int64_t paused_ns(const SimulationTrack *script, int64_t ns)
{
    if (ns < seconds_ns(script->unmute_s))
        return 0;
    if (script->stops_in_mute)
        return seconds_ns(script->unmute_s - script->mute_s);
    return script->unmute_shift_ms * NS_PER_MS;
}

static uint32_t rtp_at(const Player *player, int64_t ns)
{
    const int64_t time_ns = publisher_time(player->script, ns) - paused_ns(player->script, ns);
    const int64_t rate = player->rate;
    int64_t ticks = time_ns / NS_PER_SECOND * rate +
                    (time_ns % NS_PER_SECOND * rate + NS_PER_SECOND / 2) / NS_PER_SECOND;
    if (player->script->jump_by_s != 0 && ns >= seconds_ns(player->script->jump_s))
        ticks += (int64_t)(player->script->jump_by_s * (double)rate);
    return player->rtp_offset + (uint32_t)ticks;
}

static uint64_t ntp_at(const SimulationTrack *script, int64_t ns)
{
    const int64_t time_ns = publisher_time(script, ns);
    const uint64_t seconds = (uint64_t)(script->ntp_seconds + time_ns / NS_PER_SECOND);
    const uint64_t fraction = ((uint64_t)(time_ns % NS_PER_SECOND) << 32) / NS_PER_SECOND;
    return seconds << 32 | fraction;
}

static bool is_muted(const SimulationTrack *script, int64_t ns)
{
    return ns >= seconds_ns(script->mute_s) && ns < seconds_ns(script->unmute_s);
}

/* The time in a sender's or a link's queue. */
static int64_t queued_ns(const SimulationTrack *script, int64_t capture_ns)
{
    const int64_t since_ns = capture_ns - seconds_ns(script->queue_s);
    if (since_ns < 0 || capture_ns >= seconds_ns(script->queue_end_s))
        return 0;
    const int64_t wait_ns = script->queue_ms * NS_PER_MS - since_ns / 1000 * script->drain_ms;
    return wait_ns > 0 ? wait_ns : 0;
}

static void plan_frame(Stage *stage, Player *player)
{
    const SimulationTrack *script = player->script;
    do {
        const int64_t time_ns = player->frame * interval_ns(script);
        /* frames are regular on the publisher's clock */
        player->capture_ns =
            seconds_ns(script->start_s) + time_ns - time_ns / 1000000 * script->drift_ppm;
        player->frame++;
    } while (is_muted(script, player->capture_ns));
    int64_t delay_ns = script->delay_min_ms * NS_PER_MS;
    const int spread = script->delay_max_ms - script->delay_min_ms;
    if (spread > 0)
        delay_ns += random_below(stage, (unsigned)spread * 1000) * NS_PER_US;
    if (script->burst_every > 0 && player->frame % script->burst_every == 1)
        delay_ns += script->burst_ms * NS_PER_MS;
    if (player->frame == 1)
        delay_ns += script->first_delay_ms * NS_PER_MS;
    delay_ns += queued_ns(script, player->capture_ns);
    int64_t arrival_ns = player->capture_ns + delay_ns;
    if (arrival_ns > seconds_ns(script->stall_s) && arrival_ns < seconds_ns(script->stall_end_s))
        arrival_ns = seconds_ns(script->stall_end_s);
    player->arrival_ns = arrival_ns > player->arrival_ns ? arrival_ns : player->arrival_ns;
}

static void judge(Stage *stage, const Player *player)
{
    const double judged_from = stage->simulation->judged_from_s;
    if ((double)player->capture_ns / 1e9 < judged_from)
        return;
    SimulationResult *result = &stage->result;
    result->wall_worst_ms = fmax(result->wall_worst_ms, fabs(player->error_ms));
    const Player *sound = &stage->players[0];
    if (player != &stage->players[1] || !sound->has_last || sound->script->kind != TRACK_AUDIO)
        return;
    const double offset_ms = fabs(player->error_ms - sound->error_ms);
    result->av_worst_ms = fmax(result->av_worst_ms, offset_ms);
    require(stage->judged < MAX_JUDGED);
    stage->offsets[stage->judged++] = offset_ms;
}

static void check_order(Stage *stage, Player *player, uint32_t rtp, int64_t pts_ns)
{
    if (!player->has_last)
        return;
    const int64_t step_ns = pts_ns - player->last_pts_ns;
    if (step_ns <= 0)
        stage->result.backwards++;
    const int64_t rtp_ns = (int64_t)(int32_t)(rtp - player->last_rtp) * NS_PER_SECOND / 48000;
    if (player->script->kind == TRACK_AUDIO && llabs(step_ns - rtp_ns) > NS_PER_US)
        stage->result.sound_breaks++;
}

static void play_frame(Stage *stage, Player *player)
{
    const SimulationTrack *script = player->script;
    if (script->republish_s > 0 && !player->is_republished &&
        player->capture_ns >= seconds_ns(script->republish_s)) {
        player->is_republished = true;
        player->is_registered = false;
        player->rtp_offset += 0x12345678;
    }
    const uint32_t rtp = rtp_at(player, player->capture_ns);
    const int64_t arrival_ns = ORIGIN_NS + player->arrival_ns;
    if (!player->is_registered) {
        player->is_registered = true;
        require(media_clock_register_track(stage->clock, player->id, script->publisher,
                                           script->kind, player->rate, rtp, arrival_ns));
        player->report_ns = player->arrival_ns + seconds_ns(script->first_report_s);
    }
    int64_t pts_ns;
    require(media_clock_rtp_to_pts(stage->clock, player->id, rtp, arrival_ns, &pts_ns));
    check_order(stage, player, rtp, pts_ns);
    player->has_last = true;
    player->last_rtp = rtp;
    player->last_pts_ns = pts_ns;
    player->error_ms = (double)(pts_ns - player->capture_ns) / 1e6;
    if (player->head_count < MAX_HEAD) {
        player->head[player->head_count].pts_ns = pts_ns;
        player->head[player->head_count++].error_ms = player->error_ms;
    }
    judge(stage, player);
    plan_frame(stage, player);
}

static void play_report(Stage *stage, Player *player)
{
    const int64_t now_ns = player->report_ns;
    uint64_t ntp = ntp_at(player->script, now_ns);
    uint32_t rtp = rtp_at(player, now_ns);
    const int noise_us = player->script->report_noise_us;
    if (noise_us > 0)
        ntp += ((uint64_t)random_below(stage, (unsigned)noise_us * 2) << 32) / 1000000;
    const double absurd_s = player->script->absurd_s;
    if (absurd_s > 0 && llabs(now_ns - seconds_ns(absurd_s)) <= REPORT_INTERVAL_NS / 2) {
        ntp += UINT64_C(7) << 32;
        rtp += 100;
    }
    media_clock_sender_report(stage->clock, player->id, ntp, rtp, ORIGIN_NS + now_ns);
    player->report_ns += REPORT_INTERVAL_NS;
}

static bool has_reports(const Player *player)
{
    return player->is_registered && player->script->first_report_s > 0;
}

static int64_t next_event(const Player *player)
{
    const bool is_over =
        player->script->end_s > 0 && player->capture_ns >= seconds_ns(player->script->end_s);
    if (is_over)
        return CLOCK_NEVER;
    if (has_reports(player) && player->report_ns < player->arrival_ns)
        return player->report_ns;
    return player->arrival_ns;
}

static void play(Stage *stage)
{
    const int64_t end_ns = seconds_ns(stage->simulation->seconds);
    for (;;) {
        Player *first = &stage->players[0];
        for (unsigned i = 1; i < stage->simulation->track_count; i++) {
            if (next_event(&stage->players[i]) < next_event(first))
                first = &stage->players[i];
        }
        if (next_event(first) >= end_ns)
            return;
        if (has_reports(first) && first->report_ns < first->arrival_ns)
            play_report(stage, first);
        else
            play_frame(stage, first);
    }
}

static double head_correction(const HeadCorrection *head, int64_t pts_ns)
{
    if (!head->known || pts_ns >= head->slew_end_ns)
        return 0;
    const double delta_ms = (double)head->delta_ns / 1e6;
    if (pts_ns <= head->slew_start_ns)
        return delta_ms;
    return delta_ms * (double)(head->slew_end_ns - pts_ns) /
           (double)(head->slew_end_ns - head->slew_start_ns);
}

static void judge_head(Stage *stage)
{
    const Player *sound = &stage->players[0];
    const Player *picture = &stage->players[1];
    for (unsigned i = 0; i < picture->head_count; i++) {
        const double corrected_ms =
            picture->head[i].error_ms +
            head_correction(&stage->result.tracks[1].head, picture->head[i].pts_ns);
        stage->result.head_error_ms =
            fmax(stage->result.head_error_ms, fabs(corrected_ms - sound->head[0].error_ms));
    }
}

static int compare_doubles(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

SimulationResult simulation_run(const Simulation *simulation)
{
    Stage *stage = calloc(1, sizeof *stage);
    require(stage);
    stage->offsets = calloc(MAX_JUDGED, sizeof *stage->offsets);
    require(stage->offsets);
    stage->simulation = simulation;
    stage->clock = media_clock_new(ORIGIN_NS);
    stage->seed = 1;
    for (unsigned i = 0; i < simulation->track_count; i++) {
        Player *player = &stage->players[i];
        player->script = &simulation->tracks[i];
        player->id = 7 + i;
        player->rate = player->script->kind == TRACK_AUDIO ? 48000 : 90000;
        player->rtp_offset = player->script->rtp_offset;
        plan_frame(stage, player);
    }
    play(stage);
    for (unsigned i = 0; i < simulation->track_count; i++)
        media_clock_track(stage->clock, stage->players[i].id, &stage->result.tracks[i]);
    judge_head(stage);
    qsort(stage->offsets, stage->judged, sizeof *stage->offsets, compare_doubles);
    stage->result.av_median_ms = stage->judged > 0 ? stage->offsets[stage->judged / 2] : 0;
    const SimulationResult result = stage->result;
    media_clock_free(stage->clock);
    free(stage->offsets);
    free(stage);
    return result;
}
