/* The steps of the doctor that need the room: a recording of two seconds into a folder that is
 * removed again shows whether joining, ICE, DTLS and the tracks work.
 * Thread: main; runs the main loop. */
#pragma once

#include "cli/doctor_report.h"
#include "config/config.h"

/* `directory` exists and can be written to. `token` and `room` as in doctor_check_token(). */
void doctor_run_trial(DoctorReport *report, const Config *config, const char *token,
                      const char *room, const char *directory);
