/* The flags of `roomtape room`; each is one field of EmbeddedRoomConfig.
 * Thread: main. */
#pragma once

#include "room/embedded_room.h"

typedef struct {
    EmbeddedRoomConfig config;
    int64_t duration_ns; /* ends by itself after that long; 0 = runs until a signal */
    bool stats;          /* prints the counters as a JSON line at the end */
    /* what config points to */
    EmbeddedPublisher publishers[EMBEDDED_ROOM_MAX_PUBLISHERS];
    char **faults;
    char *api_key, *api_secret, *room_name;
} RoomOptions;

/* NULL with a sentence, or without one where `--help` was printed. */
RoomOptions *room_options_parse(int argc, char **argv, GError **error);
void room_options_free(RoomOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RoomOptions, room_options_free)

/* One `--publisher` text: IDENTITY[,KEY[=VALUE]]...; the identity is the caller's to free. */
bool room_options_publisher(const char *text, EmbeddedPublisher *ret_publisher, GError **error);

/* What `--help` says behind the table of flags; free with g_free(). */
char *room_options_help(void);
