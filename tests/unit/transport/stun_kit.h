/* STUN messages of the other side's ICE agent, and what it makes of an answer, by libnice.
 * Thread: any. */
#pragma once

#include <stun/stunagent.h>
#include <sys/socket.h>

#define STUN_KIT_SIZE 1024

/* The message that was written last, with what the agent has to know to judge its answer. */
typedef struct {
    StunAgent agent;
    uint8_t data[STUN_KIT_SIZE];
    size_t size;
} StunKit;

typedef struct {
    const char *name, *pwd;
    bool nominates, is_controlled;
} StunKitCheck;

void stun_kit_write_check(StunKit *kit, const StunKitCheck *check);

/* Any other message with that name and password; NULL = without it. */
void stun_kit_write(StunKit *kit, StunClass class, StunMethod method, const StunKitCheck *check);

/* With USE-CANDIDATE behind the MESSAGE-INTEGRITY, where everybody could have put it. */
void stun_kit_write_appended(StunKit *kit, const StunKitCheck *check);

/* Whether that is a success response to the message, with integrity and fingerprint; and which
 * address it tells. */
bool stun_kit_is_answer(StunKit *kit, const uint8_t *answer, size_t size,
                        struct sockaddr_storage *ret_mapped);
