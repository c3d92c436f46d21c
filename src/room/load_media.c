#include "room/load_media.h"

#include <string.h>

#include "room/media_encoder.h"
#include "room/packetizer.h"
#include "room/test_sound.h"

#define KEYFRAME_SECONDS 2
#define KEYFRAME_SHARES 4 /* of what other pictures have */
#define SOUNDS (LOAD_MEDIA_SECONDS * TEST_SOUND_RATE / AUDIO_ENCODER_FRAME_SAMPLES)
#define FILLER_NAL 12 /* H.264 7.4.1 */
#define START_CODE_SIZE 4

static void track_clear(LoadTrack *track)
{
    for (unsigned i = 0; i < track->count; i++) {
        media_frame_unref(track->frames[i]);
    }
    g_free(track->frames);
}

void load_media_free(LoadMedia *media)
{
    if (media == NULL) {
        return;
    }
    track_clear(&media->tracks[TRACK_AUDIO]);
    track_clear(&media->tracks[TRACK_VIDEO]);
    g_free(media);
}

/* So many bytes that the group of pictures has its bitrate. */
static size_t wanted_size(const EmbeddedPublisher *publisher, bool is_key)
{
    const unsigned pictures = KEYFRAME_SECONDS * publisher->fps;
    const size_t group = (size_t)publisher->video_bitrate / 8 * KEYFRAME_SECONDS;
    const size_t share = group / (pictures - 1 + KEYFRAME_SHARES);
    return is_key ? KEYFRAME_SHARES * share : share;
}

static void cut_filled(Packetizer *packetizer, const EncodedMedia *media, size_t size,
                       MediaFrame *frame)
{
    if (media->size + START_CODE_SIZE + 2 >= size) {
        packetizer_cut(packetizer, media->data, media->size, frame);
        return;
    }
    static const uint8_t start[] = {0, 0, 0, 1, FILLER_NAL};
    g_autofree uint8_t *filled = g_malloc(size);
    memcpy(filled, media->data, media->size);
    memset(filled + media->size, 0xff, size - media->size);
    memcpy(filled + media->size, start, sizeof start);
    filled[size - 1] = 0x80;
    packetizer_cut(packetizer, filled, size, frame);
}

static bool make_pictures(LoadMedia *media, unsigned index, const EmbeddedPublisher *publisher,
                          GError **error)
{
    VideoEncoder *encoder =
        video_encoder_new(publisher->video_codec, publisher->width, publisher->height,
                          publisher->fps, publisher->video_bitrate, error);
    if (encoder == NULL) {
        return false;
    }
    TestPicture *picture = test_picture_new(publisher->width, publisher->height);
    Packetizer packetizer = {0};
    LoadTrack *track = &media->tracks[TRACK_VIDEO];
    const unsigned wanted = LOAD_MEDIA_SECONDS * publisher->fps;
    track->ticks = UINT64_C(90000) * LOAD_MEDIA_SECONDS;
    track->frames = g_new0(MediaFrame *, wanted);
    for (unsigned i = 0; i < wanted; i++) {
        EncodedMedia encoded = {0};
        test_picture_draw(picture, i, publisher->fps);
        if (!video_encoder_encode(encoder, (const uint8_t *const *)picture->planes,
                                  picture->strides, i % (KEYFRAME_SECONDS * publisher->fps) == 0,
                                  &encoded)) {
            continue;
        }
        MediaFrame *frame = media_frame_new(index, publisher->video_codec,
                                            i * track->ticks / wanted, encoded.is_key);
        const bool is_filled = publisher->video_codec == CODEC_H264;
        cut_filled(&packetizer, &encoded, is_filled ? wanted_size(publisher, encoded.is_key) : 0,
                   frame);
        track->frames[track->count++] = frame;
    }
    test_picture_free(picture);
    video_encoder_free(encoder);
    return true;
}

static bool make_sounds(LoadMedia *media, unsigned index, GError **error)
{
    AudioEncoder *encoder = audio_encoder_new(error);
    if (encoder == NULL) {
        return false;
    }
    Packetizer packetizer = {0};
    LoadTrack *track = &media->tracks[TRACK_AUDIO];
    track->ticks = (uint64_t)TEST_SOUND_RATE * LOAD_MEDIA_SECONDS;
    track->frames = g_new0(MediaFrame *, SOUNDS);
    for (unsigned i = 0; i < SOUNDS; i++) {
        float samples[AUDIO_ENCODER_FRAME_SAMPLES];
        EncodedMedia encoded = {0};
        test_sound_write((int64_t)i * AUDIO_ENCODER_FRAME_SAMPLES, AUDIO_ENCODER_FRAME_SAMPLES,
                         samples);
        if (!audio_encoder_encode(encoder, samples, &encoded)) {
            continue;
        }
        MediaFrame *frame =
            media_frame_new(index, CODEC_OPUS, (uint64_t)i * AUDIO_ENCODER_FRAME_SAMPLES, true);
        packetizer_cut(&packetizer, encoded.data, encoded.size, frame);
        track->frames[track->count++] = frame;
    }
    audio_encoder_free(encoder);
    return true;
}

LoadMedia *load_media_new(unsigned index, const EmbeddedPublisher *publisher, GError **error)
{
    LoadMedia *media = g_new0(LoadMedia, 1);
    const bool has_video = publisher->video_codec != CODEC_UNKNOWN;
    const bool has_audio = publisher->audio_codec != CODEC_UNKNOWN;
    if ((!has_video || make_pictures(media, index, publisher, error)) &&
        (!has_audio || make_sounds(media, index, error))) {
        return media;
    }
    load_media_free(media);
    return NULL;
}
