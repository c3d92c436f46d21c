/* The other side of the floor: sends each socket what one camera and one microphone send, 30 bursts
 * of 8 packets of 1080 bytes and 50 packets of 132 bytes a second, each at its time. Thread: a
 * process of its own; the counters are in memory that both share. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define FLOOR_LATE_STEPS 10000 /* of a tenth of a millisecond */

typedef struct {
    _Atomic uint64_t sent, unsent; /* unsent: the kernel did not take them */
    _Atomic uint64_t late[FLOOR_LATE_STEPS + 1];
} FloorSent;

typedef struct {
    const int *sockets; /* connected */
    unsigned count;
    int64_t start_ns, end_ns; /* monotonic */
} FloorSenderConfig;

/* Runs until the end; 0 when all is well. Says on stderr what is not. */
int floor_sender_run(const FloorSenderConfig *config, FloorSent *sent);

/* Milliseconds that this share of the bursts was not late by more than. */
double floor_sent_late_ms(const FloorSent *sent, double share);
