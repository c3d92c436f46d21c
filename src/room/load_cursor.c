#include "room/load_cursor.h"

#include "base/clock.h"

#define LENGTH_NS (LOAD_MEDIA_SECONDS * NS_PER_SECOND)
#define KEY_DISTANCES (LOAD_MEDIA_SECONDS * 4) /* in all frames */

LoadCursor load_cursor(const LoadTrack *media)
{
    return (LoadCursor){.media = media, .since_key = media->count};
}

void load_cursor_want_key(LoadCursor *cursor)
{
    cursor->is_key_wanted = true;
}

static const MediaFrame *frame_at(const LoadCursor *cursor)
{
    return cursor->media->frames[(cursor->next + cursor->left_out) % cursor->media->count];
}

const MediaFrame *load_cursor_frame(LoadCursor *cursor)
{
    if (cursor->is_key_wanted && cursor->since_key >= cursor->media->count / KEY_DISTANCES) {
        for (unsigned i = 0; i < cursor->media->count && !frame_at(cursor)->is_key; i++) {
            cursor->left_out++;
        }
    }
    return frame_at(cursor);
}

int64_t load_cursor_time_ns(const LoadCursor *cursor)
{
    const uint64_t count = cursor->media->count;
    return (int64_t)(cursor->next / count) * LENGTH_NS +
           (int64_t)(cursor->next % count) * LENGTH_NS / (int64_t)count;
}

uint64_t load_cursor_ticks(const LoadCursor *cursor)
{
    const LoadTrack *media = cursor->media;
    return cursor->next / media->count * media->ticks +
           media->frames[cursor->next % media->count]->ticks;
}

void load_cursor_advance(LoadCursor *cursor)
{
    const bool was_key = frame_at(cursor)->is_key;
    cursor->is_key_wanted = cursor->is_key_wanted && !was_key;
    cursor->since_key = was_key ? 1 : cursor->since_key + 1;
    cursor->next++;
}
