/* Some seconds of one publisher's pictures and sound, encoded once, to be sent over and over to
 * many subscribers. The end joins the beginning, which is a key frame.
 * Thread: made on main; constant afterwards. */
#pragma once

#include "room/embedded_room.h"
#include "room/media_frame.h"

typedef struct {
    MediaFrame **frames; /* at even distances */
    unsigned count;
    uint64_t ticks; /* of the whole */
} LoadTrack;

#define LOAD_MEDIA_SECONDS 4

typedef struct {
    LoadTrack tracks[2]; /* by TrackKind; count 0 = not published */
} LoadMedia;

/* A key frame every two seconds. H.264 pictures are filled up to the bitrate with SEI user data, as
 * the test picture does not need it; a recorder writes those, and would drop filler data. NULL with
 * EMBEDDED_ROOM_ERROR_ENCODER. */
LoadMedia *load_media_new(unsigned index, const EmbeddedPublisher *publisher, GError **error);
void load_media_free(LoadMedia *media);
