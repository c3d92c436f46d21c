#include <glib.h>

#include "room/load_media.h"
#include "room_test.h"

#define BITRATE 1000000u

typedef struct {
    unsigned frames, keys, largest;
    uint64_t bytes;
} Received;

static void on_frame(void *owner, Frame *frame)
{
    Received *received = owner;
    received->frames++;
    received->keys += frame->is_key;
    received->bytes += frame->size;
    received->largest = MAX(received->largest, (unsigned)frame->size);
    frame_unref(frame);
}

static void on_need_keyframe(void *owner)
{
    (void)owner;
    g_assert_not_reached();
}

/* What the recorder keeps of a picture has the bitrate, not only what is sent. */
static void test_bitrate_is_of_frames(void)
{
    g_autoptr(GError) error = NULL;
    const EmbeddedPublisher publisher = {
        .identity = "alice",
        .video_codec = CODEC_H264,
        .width = 320,
        .height = 180,
        .fps = 30,
        .video_bitrate = BITRATE,
    };
    LoadMedia *media = load_media_new(0, &publisher, &error);
    g_assert_no_error(error);
    Pool *pool = pool_new(16u << 20);
    LedgerRow row = {0};
    Received received = {0};
    Depayloader *depayloader = depayloader_new(
        TRACK_VIDEO, pool, &row,
        (DepayloaderOut){.owner = &received, .frame = on_frame, .need_keyframe = on_need_keyframe});
    const LoadTrack *track = &media->tracks[TRACK_VIDEO];
    uint16_t sequence = 0;
    for (unsigned i = 0; i < track->count; i++)
        room_test_carry(depayloader, track->frames[i], &sequence);
    g_assert_cmpuint(received.frames, ==, LOAD_MEDIA_SECONDS * 30);
    g_assert_cmpuint(received.keys, ==, 2);
    g_assert_cmpfloat_with_epsilon((double)received.bytes * 8 / LOAD_MEDIA_SECONDS, BITRATE,
                                   BITRATE * 0.05);
    g_assert_cmpuint(received.largest, >, 3 * received.bytes / received.frames);
    depayloader_free(depayloader);
    pool_unref(pool);
    load_media_free(media);
}

void load_media_test_add(void)
{
    g_test_add_func("/room/load-media/bitrate-is-of-frames", test_bitrate_is_of_frames);
}
