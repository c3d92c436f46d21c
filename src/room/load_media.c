#include "room/load_media.h"

#include <string.h>

#include "flow/nal_units.h"
#include "room/media_encoder.h"
#include "room/packetizer.h"
#include "room/test_sound.h"

#define KEYFRAME_SECONDS 2
#define KEYFRAME_SHARES 4 /* of what other pictures have */
#define SOUNDS (LOAD_MEDIA_SECONDS * TEST_SOUND_RATE / AUDIO_ENCODER_FRAME_SAMPLES)
#define SLICE_NAL 1 /* H.264 7.4.1 */
#define IDR_NAL 5
#define SEI_NAL 6
#define SEI_USER_DATA 5 /* H.264 D.1.7: 16 bytes that name it, and any others */
#define SEI_LEAST 24

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

/* Where the start code of the first slice is; SEI goes in front of it (H.264 7.4.1.2.3). */
static size_t first_slice(const uint8_t *data, size_t size)
{
    size_t end = 0; /* of the unit before */
    NalUnit unit = nal_unit_first(data, size);
    for (; unit.data != NULL; unit = nal_unit_next(&unit)) {
        const uint8_t type = unit.size > 0 ? unit.data[0] & 31 : 0;
        if (type == SLICE_NAL || type == IDR_NAL) {
            return end;
        }
        end = (size_t)(unit.data + unit.size - data);
    }
    return 0;
}

/* So many bytes, or one less; at least SEI_LEAST. */
static void append_sei(GByteArray *out, size_t size)
{
    static const uint8_t head[] = {0, 0, 0, 1, SEI_NAL, SEI_USER_DATA}, more = 0xff, end = 0x80;
    const size_t rest = size - sizeof head - sizeof end - 1;
    const size_t payload = rest - rest / 256;
    const uint8_t last = (uint8_t)(payload % 255);
    g_byte_array_append(out, head, sizeof head);
    for (size_t i = 0; i < payload / 255; i++) {
        g_byte_array_append(out, &more, 1);
    }
    g_byte_array_append(out, &last, 1);
    const guint at = out->len;
    g_byte_array_set_size(out, at + (guint)payload);
    memset(out->data + at, 0x55, payload);
    g_byte_array_append(out, &end, 1);
}

static void cut_filled(Packetizer *packetizer, const EncodedMedia *media, size_t size,
                       MediaFrame *frame)
{
    if (media->size + SEI_LEAST > size) {
        packetizer_cut(packetizer, media->data, media->size, frame);
        return;
    }
    const size_t slice = first_slice(media->data, media->size);
    g_autoptr(GByteArray) filled = g_byte_array_new();
    g_byte_array_append(filled, media->data, (guint)slice);
    append_sei(filled, size - media->size);
    g_byte_array_append(filled, media->data + slice, (guint)(media->size - slice));
    packetizer_cut(packetizer, filled->data, filled->len, frame);
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
