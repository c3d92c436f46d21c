/* Shows a running recording: one live line on a terminal, plain lines elsewhere, or JSON lines.
 * Thread: main. */
#pragma once

#include <stdbool.h>

#include "flow/recording_status.h"

typedef struct RecordDisplay RecordDisplay;

typedef enum { DISPLAY_LIVE, DISPLAY_PLAIN, DISPLAY_JSON } DisplayMode;

/* JSON if that is wanted, the live line if standard output is a terminal, else plain. */
DisplayMode record_display_mode(bool wants_json);

RecordDisplay *record_display_new(DisplayMode mode);
void record_display_free(RecordDisplay *display);

/* To be called often; writes when there is something new to say. */
void record_display_update(RecordDisplay *display, const RecordingStatus *status);

/* A sentence of ours, above the live line. */
void record_display_note(RecordDisplay *display, const char *sentence);

/* The recording was not even started. */
void record_display_refusal(RecordDisplay *display, const Outcome *refusal);

/* Paths, lengths and the outcome; a failure's code and sentence go to standard error. */
void record_display_end(RecordDisplay *display, const RecordingStatus *status);
