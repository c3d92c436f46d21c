/* Answers the connectivity checks that the other side goes on sending once ICE has found its pair
 * (RFC 8445 section 7.3; RFC 8489).
 * Thread: any; keeps nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct {
    const char *ufrag, *pwd; /* this side's */
    const struct sockaddr_storage *source;
    socklen_t source_size;
} StunCheck;

#define STUN_ANSWER_SIZE 640 /* what was asked is in it, with a name of up to 508 bytes */

typedef struct {
    uint8_t data[STUN_ANSWER_SIZE];
    size_t size;        /* 0 = nothing is to be sent */
    bool is_authentic;  /* the other side knows this side's password */
    bool is_nomination; /* USE-CANDIDATE: media go that way from now on */
} StunAnswer;

/* What is no request gets no answer. */
void stun_responder_answer(const StunCheck *check, const uint8_t *message, size_t size,
                           StunAnswer *ret_answer);
