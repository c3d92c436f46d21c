/* What a WebSocket of libsoup reads, counted by a FrameMeter before libsoup sees it. libsoup
 * answers each ping by itself and tells nobody, reads until nothing is left, and bounds a frame but
 * not a message in pieces; a stream below it counts all of them, under TLS too, fails the read that
 * is one too many, and has libsoup return to the main loop after METERED_INPUT_TURN_BYTES. Thread:
 * main. */
#pragma once

#include <gio/gio.h>
#include <stdint.h>

#define METERED_INPUT_TURN_BYTES (256 * 1024)

G_DECLARE_FINAL_TYPE(MeteredInput, metered_input, ROOMTAPE, METERED_INPUT, GFilterInputStream)

/* Puts itself between `reader`, which libsoup's WebSocket reads from and of which nothing was read
 * since the handshake, and the stream below that; what `reader` has read ahead is counted too. NULL
 * where `reader` is no filter of another stream: then nothing is counted. A reference. */
MeteredInput *metered_input_insert(GPollableInputStream *reader);

/* Every read fails from now on; `reason` is not copied. The first one counts. */
void metered_input_stop(MeteredInput *input, const char *reason);

/* Why reads fail, as the end of a sentence; NULL while they do not. */
const char *metered_input_reason(const MeteredInput *input);

/* What all pings so far are answered with. */
uint64_t metered_input_pong_bytes(const MeteredInput *input);
