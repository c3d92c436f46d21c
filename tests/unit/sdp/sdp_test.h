/* The cases of each file, and an offer as livekit-server writes it.
 * Thread: the test's. */
#pragma once

#include <glib.h>

#include "sdp/session_description.h"

void answer_test_add(void);
void session_description_test_add(void);

/* Data channel, audio with RED, video with RTX, then an emptied video section. */
extern const char offer_text[];

/* Asserts that it parses. */
SessionDescription *parse_text(const char *text);
