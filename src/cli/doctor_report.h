/* What each step on the way into a room came to, and how that is told.
 * Thread: main. */
#pragma once

#include <stdbool.h>

#include "flow/outcome.h"

typedef enum {
    STEP_DNS,
    STEP_TCP,
    STEP_TLS,
    STEP_TOKEN,
    STEP_JOIN,
    STEP_ICE,
    STEP_DTLS,
    STEP_TRACKS,
    STEP_DISK,
    STEP_COUNT,
} DoctorStep;

typedef enum { STEP_SKIPPED, STEP_OK, STEP_FAILED } DoctorState;

const char *doctor_step_name(DoctorStep step);    /* "dns", ... */
const char *doctor_state_name(DoctorState state); /* "ok", "failed", "skipped" */

/* The step that a recording's code speaks of. */
DoctorStep doctor_step_of_code(OutcomeCode code);

typedef struct {
    struct {
        DoctorState state;
        OutcomeCode code;
        char sentence[OUTCOME_SENTENCE_MAX];
    } steps[STEP_COUNT];
    bool wants_json;
} DoctorReport;

/* Writes the step's line at once. */
void doctor_report_step(DoctorReport *report, DoctorStep step, DoctorState state, OutcomeCode code,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));

/* 0, or the exit status of the first step that failed. */
int doctor_report_exit_status(const DoctorReport *report);
