/* A question to the other side's ICE agent: a binding request like its connectivity checks (RFC
 * 8445 section 7.2.4; RFC 8489), which it answers at once. Nothing is nominated by it. Thread: any;
 * keeps nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *ufrag, *remote_ufrag, *remote_pwd;
    bool is_controlling;
} StunQuestion;

#define STUN_PROBE_SIZE 1024
#define STUN_ID_OFFSET 8 /* of the transaction's number in a message */
#define STUN_ID_SIZE 12

/* The size of the request; 0 when the names are too long for it. */
size_t stun_probe_write(const StunQuestion *question, uint8_t ret_request[STUN_PROBE_SIZE]);

/* Whether that is a success response to the request with this number. */
bool stun_probe_is_answer(const uint8_t *message, size_t size, const uint8_t id[STUN_ID_SIZE]);
