/* The signalling requests that a subscriber sends, as bytes.
 * Thread: any; the caller owns the bytes. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* `participant_sid` helps the server to find the publisher; it may be NULL. */
GBytes *request_subscribe(const char *participant_sid, const char *track_sid, bool subscribe);
GBytes *request_track_settings(const char *track_sid, bool disabled, uint32_t width,
                               uint32_t height);
GBytes *request_answer(const char *sdp, uint32_t id);
GBytes *request_candidate(const char *candidate);
GBytes *request_ping(int64_t timestamp_ms, int64_t rtt_ms);
GBytes *request_leave(void); /* of our own will */
