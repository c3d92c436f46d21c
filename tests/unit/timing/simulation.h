/* Plays scripted publishers against a MediaClock: frames captured on a drifting clock, delayed by
 * encoders, bursts and jitter, and the server's sender reports. The time is made up. */
#pragma once

#include "timing/media_clock.h"

#define SIMULATION_MAX_TRACKS 4

typedef struct {
    unsigned publisher;
    TrackKind kind;
    unsigned fps;                   /* pictures a second; sound comes in packets of 20 ms */
    int delay_min_ms, delay_max_ms; /* capture to arrival */
    int burst_every;                /* each so many frames one is late by ... */
    int burst_ms;
    int first_delay_ms; /* on top, for the first frame */
    int drift_ppm;
    int64_t ntp_seconds; /* of the publisher's clock when its own time is zero */
    int64_t timeline_ns; /* its own time when ours is zero */
    double start_s, end_s;
    double mute_s, unmute_s;
    bool stops_in_mute;          /* the RTP time stands still while muted */
    int unmute_shift_ms;         /* how far the RTP time falls behind at the unmute */
    double first_report_s;       /* after the start; 0 = no reports at all */
    double absurd_s;             /* a report of this moment carries nonsense */
    int report_noise_us;         /* NTP time is off by up to this much */
    double stall_s, stall_end_s; /* what is sent in between arrives together at the end */
    double queue_s, queue_end_s; /* what is sent in between waits for ... */
    int queue_ms, drain_ms;      /* ... so long, each second by so much less */
    double republish_s;          /* registered again with another RTP offset */
    double jump_s, jump_by_s;    /* the RTP time is moved by so much, and its reports with it */
    uint32_t rtp_offset;
} SimulationTrack;

typedef struct {
    double seconds;
    unsigned track_count;
    SimulationTrack tracks[SIMULATION_MAX_TRACKS];
    double judged_from_s;
} Simulation;

typedef struct {
    double av_worst_ms, av_median_ms; /* of the first picture track against the first sound track */
    double wall_worst_ms;             /* PTS against capture, any track */
    unsigned backwards;               /* PTS that did not grow */
    unsigned sound_breaks; /* sound packets whose PTS did not follow their RTP time exactly */
    double head_error_ms;  /* worst of the head's pictures once its correction is applied */
    MediaClockTrack tracks[SIMULATION_MAX_TRACKS];
} SimulationResult;

SimulationResult simulation_run(const Simulation *simulation);
