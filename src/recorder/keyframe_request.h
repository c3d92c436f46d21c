/* When to send a PLI (RFC 4585 section 6.3.1) for one track, as a LiveKit server serves it: after a
 * PLI it answers no NACK until it forwards a key frame, and it passes on no PLI that comes shortly
 * after another subscriber's. So none is sent before it is needed, none for what is lost in front
 * of its answer, and a server that was made deaf in vain is woken by another. Thread: net; values
 * only. Times are monotonic. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rtp/round_trip.h"

typedef struct {
    int64_t timeout_ns;          /* an unanswered PLI is followed by another at the latest */
    const RoundTrip *round_trip; /* borrowed; NULL: not known */
    bool is_wanted;
    bool has_begun;      /* the wanted one: its first packet is here */
    bool server_is_deaf; /* to NACKs: it heard a PLI, and no key frame went out since */
    unsigned unanswered; /* PLIs */
    int64_t due_ns, last_pli_ns, back_off_ns;
    int64_t last_keyframe_ns; /* 0 = none came yet */
} KeyframeRequest;

/* For a frame that was dropped or a new file, not for lost packets. */
void keyframe_request_want(KeyframeRequest *request, int64_t due_ns);

/* Packets are gone for good that pictures refer to. */
void keyframe_request_lost(KeyframeRequest *request, int64_t due_ns);

/* The packet with which a key frame begins is here: seen before it is handed on, begun when all
 * that was in front of it is. */
void keyframe_request_seen(KeyframeRequest *request, int64_t arrival_ns);
void keyframe_request_begun(KeyframeRequest *request, int64_t arrival_ns);

/* A whole key frame is here; `is_lossy`: NACKs are in use. */
void keyframe_request_came(KeyframeRequest *request, int64_t arrival_ns, bool is_lossy);

/* NACKs get no answer: where the reason may be a PLI, another one is wanted now. */
void keyframe_request_wake(KeyframeRequest *request, int64_t now_ns);

/* True when a PLI is to be sent now. Where packets get lost it should go out more than once, at
 * the same time: if the server heard it behind the key frame, it would be deaf again. */
bool keyframe_request_take(KeyframeRequest *request, int64_t now_ns, bool is_lossy);

/* The subscription is over, and with it what was asked for. */
void keyframe_request_forget(KeyframeRequest *request);

/* How long it makes sense to keep what is missing while the server is deaf; 0 = no longer. */
int64_t keyframe_request_holds_until(const KeyframeRequest *request);
