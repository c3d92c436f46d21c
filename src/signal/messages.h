/* Turns LiveKit's signalling messages into bytes and back.
 * A received message may take at most 16 times the memory of its own size, and 64 MiB: a few bytes
 * of protobuf can ask for a structure of hundreds.
 * Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "signal/livekit.pb-c.h"

/* NULL for bytes that are no such message. */
Livekit__SignalResponse *signal_response_parse(const void *data, size_t size);
void signal_response_free(Livekit__SignalResponse *response);
Livekit__SignalRequest *signal_request_parse(const void *data, size_t size);
void signal_request_free(Livekit__SignalRequest *request);

GBytes *signal_request_format(const Livekit__SignalRequest *request);
GBytes *signal_response_format(const Livekit__SignalResponse *response);

/* "ROOM_DELETED", ...; "UNKNOWN" for a number that is not in the published list. */
const char *disconnect_reason_name(int reason);

/* The candidate line inside a trickle's JSON text, or NULL for text that is no such thing. */
char *candidate_init_parse(const char *json);
char *candidate_init_format(const char *candidate);

/* A valid UTF-8 copy of at most `max_bytes`, cut at a character. */
char *message_text(const char *text, size_t max_bytes);

/* A sid goes into logs and lookups: 1..63 printable ASCII characters. */
bool message_sid_is_valid(const char *sid);

/* mid -> track sid of an offer's sections, borrowed from it; what makes no sense is left out. */
GHashTable *message_mids(const Livekit__SessionDescription *offer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Livekit__SignalResponse, signal_response_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Livekit__SignalRequest, signal_request_free)
