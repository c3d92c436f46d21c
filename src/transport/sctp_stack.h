/* The process's one SCTP stack (usrsctp) and the thread it lives on. It starts with the first use
 * and stays: usrsctp is global, and so is this.
 * Thread: sctp_stack_thread() any; all else only on the stack's thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "transport/net_thread.h"

/* NULL when the system gave no thread for it. */
NetThread *sctp_stack_thread(void);

/* At the end of the program, after the last peer: nothing of SCTP is used afterwards. Thread: main.
 */
void sctp_stack_end(void);

typedef struct {
    void *owner;
    void (*packet)(void *owner, const uint8_t *data, size_t size); /* to send */
} SctpRoute;

/* The address under which usrsctp knows an association. A number and never a pointer, so that a
 * late timer of usrsctp cannot reach memory that is gone. */
typedef uintptr_t SctpAddress;

SctpAddress sctp_stack_add(SctpRoute route);
void sctp_stack_remove(SctpAddress address);

/* The owner of the route; NULL when it was removed. */
void *sctp_stack_find(SctpAddress address);
