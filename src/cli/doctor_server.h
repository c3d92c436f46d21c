/* The steps of the doctor that need no LiveKit: name, port, certificate, token, disk.
 * Thread: main; each blocks for seconds at most. False when the step failed. */
#pragma once

#include "cli/doctor_report.h"
#include "config/config.h"
#include "signal/server_url.h"

bool doctor_check_dns(DoctorReport *report, const ServerUrl *url);
bool doctor_check_connection(DoctorReport *report, const ServerUrl *url, const char *ca_file);
/* `token` is ready-made, or NULL for one that the key will sign; `room` may be NULL. */
bool doctor_check_token(DoctorReport *report, const Config *config, const char *token,
                        const char *room);
bool doctor_check_disk(DoctorReport *report, const char *directory);
