/* What a growing MP4 is made of, box by box; that players take it is tried with whole files. */
#include <errno.h>
#include <libavutil/error.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bytes.h"
#include "sink/mp4_fragments.h"
#include "sink/mp4_sample.h"
#include "sink_test.h"
#include "test_media.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* ---- samples ---- */

typedef struct {
    Codec codec;
    const uint8_t *frame;
    size_t size;
    const uint8_t *sample;
    size_t sample_size;
} SampleCase;

static void check_sample(const SampleCase *row)
{
    Mp4Pieces pieces = {0};
    GByteArray *sample = g_byte_array_new();
    const size_t bytes = mp4_sample_pieces(row->codec, row->frame, row->size, &pieces);
    for (size_t i = 0; i < pieces.count; i++) {
        const Mp4Piece *piece = &pieces.pieces[i];
        if (piece->has_length)
            g_byte_array_append(sample, piece->length, sizeof piece->length);
        g_byte_array_append(sample, piece->data, (guint)piece->size);
    }
    g_assert_cmpmem(sample->data, sample->len, row->sample, row->sample_size);
    g_assert_cmpuint(bytes, ==, row->sample_size);
    g_byte_array_unref(sample);
    mp4_pieces_clear(&pieces);
}

static void test_samples(void)
{
    static const SampleCase rows[] = {
        {CODEC_H264, BYTES("\x00\x00\x00\x01\x67\x42\x00\x00\x01\x65\x88\x84"),
         BYTES("\x00\x00\x00\x02\x67\x42\x00\x00\x00\x03\x65\x88\x84")},
        {CODEC_H265, BYTES("\x00\x00\x01\x00\x00\x01\x26\x01"), BYTES("\x00\x00\x00\x02\x26\x01")},
        /* A temporal delimiter, a sequence header, padding, a frame without its size. */
        {CODEC_AV1, BYTES("\x12\x00\x0a\x01\xaa\x7a\x02\xbb\xbb\x30\xcc\xcc"),
         BYTES("\x0a\x01\xaa\x30\xcc\xcc")},
        {CODEC_AV1, BYTES("\x32\x7f\xcc"), BYTES("\x32\x7f\xcc")}, /* cut */
        {CODEC_AV1, BYTES("\x12"), BYTES("")},
        {CODEC_VP9, BYTES("\x00\x00\x01\x82"), BYTES("\x00\x00\x01\x82")},
        {CODEC_OPUS, BYTES("\xf8\xff\xfe"), BYTES("\xf8\xff\xfe")},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        check_sample(&rows[i]);
}

/* ---- fragments ---- */

typedef struct {
    char *folder, *path;
    FragmentFile *file;
    Mp4Fragments *fragments;
} Bench;

static Bench bench_new(void)
{
    Bench bench = {.folder = test_folder_new(), .fragments = mp4_fragments_new()};
    bench.path = g_build_filename(bench.folder, "file", NULL);
    bench.file = fragment_file_new(bench.path, 0);
    g_assert_nonnull(bench.file);
    mp4_fragments_add_track(bench.fragments, CODEC_H264, 90000);
    mp4_fragments_add_track(bench.fragments, CODEC_OPUS, 48000);
    return bench;
}

static void bench_free(Bench *bench)
{
    mp4_fragments_free(bench->fragments);
    fragment_file_free(bench->file);
    g_free(bench->path);
    test_folder_free(bench->folder);
}

static void add_picture(Bench *bench, int64_t ticks, bool is_key)
{
    static const uint8_t picture[] = {0, 0, 0, 1, 0x65, 0x88, 0x84};
    mp4_fragments_add(bench->fragments, 0,
                      &(Mp4Sample){.data = picture,
                                   .size = sizeof picture,
                                   .ticks = ticks,
                                   .duration_ticks = 3000,
                                   .is_key = is_key});
}

static void add_sound(Bench *bench, int64_t ticks)
{
    static const uint8_t sound[] = {0xf8, 0xff, 0xfe};
    mp4_fragments_add(bench->fragments, 1,
                      &(Mp4Sample){.data = sound,
                                   .size = sizeof sound,
                                   .ticks = ticks,
                                   .duration_ticks = 960,
                                   .is_key = true});
}

typedef struct {
    uint8_t *data;
    gsize size;
} Content;

static Content read_all(const Bench *bench)
{
    Content content = {NULL, 0};
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(bench->path, &text, &content.size, NULL));
    content.data = g_memdup2(text, content.size);
    return content;
}

/* The next box has to be of that type; a reader of what is in it. */
static ByteReader box(ByteReader *reader, const char *type)
{
    const uint32_t size = bytes_read_u32(reader);
    const uint8_t *found = bytes_read_span(reader, 4);
    g_assert_nonnull(found);
    g_assert_cmpmem(found, 4, type, 4);
    g_assert_cmpuint(size, >=, 8);
    ByteReader part = bytes_read_part(reader, size - 8);
    g_assert_false(reader->failed);
    return part;
}

static ByteReader full_box(ByteReader *reader, const char *type, uint32_t version_and_flags)
{
    ByteReader part = box(reader, type);
    g_assert_cmphex(bytes_read_u32(&part), ==, version_and_flags);
    return part;
}

typedef struct {
    uint32_t duration, size, flags;
} Sample;

/* A run of the track: where its media begin in the fragment. */
static uint32_t check_traf(ByteReader *moof, uint32_t track, uint64_t time, const Sample *samples,
                           unsigned count)
{
    ByteReader traf = box(moof, "traf");
    ByteReader tfhd = full_box(&traf, "tfhd", 0x020000);
    g_assert_cmpuint(bytes_read_u32(&tfhd), ==, track);
    ByteReader tfdt = full_box(&traf, "tfdt", 0x01000000);
    g_assert_cmpuint(bytes_read_u64(&tfdt), ==, time);
    ByteReader trun = full_box(&traf, "trun", 0x000701);
    g_assert_cmpuint(bytes_read_u32(&trun), ==, count);
    const uint32_t offset = bytes_read_u32(&trun);
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmpuint(bytes_read_u32(&trun), ==, samples[i].duration);
        g_assert_cmpuint(bytes_read_u32(&trun), ==, samples[i].size);
        g_assert_cmphex(bytes_read_u32(&trun), ==, samples[i].flags);
    }
    g_assert_cmpuint(bytes_left(&trun), ==, 0);
    g_assert_cmpuint(bytes_left(&traf), ==, 0);
    return offset;
}

static void test_boxes(void)
{
    static const Sample pictures[] = {{4500, 7, 0x02000000}, {3000, 7, 0x01010000}};
    static const Sample sounds[] = {{960, 3, 0x02000000}, {960, 3, 0x02000000}};
    Bench bench = bench_new();
    add_sound(&bench, 100);
    add_picture(&bench, 9000, true);
    add_sound(&bench, 1060);
    add_picture(&bench, 13500, false); /* a duration is the way to the next one of its track */
    g_assert_cmpint(mp4_fragments_commit(bench.fragments, bench.file), ==, 0);
    g_assert_cmpint(mp4_fragments_commit(bench.fragments, bench.file), ==, 0); /* nothing */

    Content content = read_all(&bench);
    g_assert_cmpuint(content.size, ==, fragment_file_bytes(bench.file));
    ByteReader file = byte_reader(content.data, content.size);
    ByteReader moof = box(&file, "moof");
    ByteReader mfhd = full_box(&moof, "mfhd", 0);
    g_assert_cmpuint(bytes_read_u32(&mfhd), ==, 1);
    const uint32_t picture_at = check_traf(&moof, 1, 9000, pictures, 2);
    const uint32_t sound_at = check_traf(&moof, 2, 100, sounds, 2);
    g_assert_cmpuint(bytes_left(&moof), ==, 0);
    ByteReader mdat = box(&file, "mdat");
    g_assert_cmpuint(bytes_left(&file), ==, 0);
    g_assert_cmpuint(bytes_left(&mdat), ==, 2 * 7 + 2 * 3);
    g_assert_cmpmem(content.data + picture_at, 7, "\x00\x00\x00\x03\x65\x88\x84", 7);
    g_assert_cmpmem(content.data + sound_at + 3, 3, "\xf8\xff\xfe", 3);
    g_free(content.data);
    bench_free(&bench);
}

/* Where tfra says so there is a fragment that begins with what it says. */
static void check_entries(ByteReader *mfra, const Content *content, uint32_t track,
                          const uint64_t *times, const uint32_t *samples, unsigned count)
{
    ByteReader tfra = full_box(mfra, "tfra", 0x01000000);
    g_assert_cmpuint(bytes_read_u32(&tfra), ==, track);
    g_assert_cmphex(bytes_read_u32(&tfra), ==, 0x3f);
    g_assert_cmpuint(bytes_read_u32(&tfra), ==, count);
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmpuint(bytes_read_u64(&tfra), ==, times[i]);
        const uint64_t moof = bytes_read_u64(&tfra);
        g_assert_cmpmem(content->data + moof + 4, 4, "moof", 4);
        g_assert_cmpuint(bytes_read_u32(&tfra), ==, track); /* traf */
        g_assert_cmpuint(bytes_read_u32(&tfra), ==, 1);     /* trun */
        g_assert_cmpuint(bytes_read_u32(&tfra), ==, samples[i]);
    }
    g_assert_cmpuint(bytes_left(&tfra), ==, 0);
}

/* Six seconds, a fragment each half of one, a key frame each two: the third of its fragment. */
static void test_entries(void)
{
    Bench bench = bench_new();
    for (unsigned i = 0; i < 12; i++) {
        for (unsigned picture = 0; picture < 5; picture++)
            add_picture(&bench, i * 45000 + picture * 9000, i % 4 == 0 && picture == 2);
        for (unsigned sound = 0; sound < 25; sound++)
            add_sound(&bench, i * 24000 + sound * 960);
        g_assert_cmpint(mp4_fragments_commit(bench.fragments, bench.file), ==, 0);
    }
    const uint64_t end = fragment_file_bytes(bench.file);
    g_assert_cmpint(mp4_fragments_finish(bench.fragments, bench.file), ==, 0);

    Content content = read_all(&bench);
    ByteReader file = byte_reader(content.data, content.size);
    bytes_skip(&file, end);
    ByteReader mfra = box(&file, "mfra");
    g_assert_cmpuint(bytes_left(&file), ==, 0);
    check_entries(&mfra, &content, 1, (const uint64_t[]){18000, 198000, 378000},
                  (const uint32_t[]){3, 3, 3}, 3);
    check_entries(&mfra, &content, 2, (const uint64_t[]){0, 96000, 192000},
                  (const uint32_t[]){1, 1, 1}, 3);
    ByteReader mfro = full_box(&mfra, "mfro", 0);
    g_assert_cmpuint(bytes_read_u32(&mfro), ==, content.size - end);
    g_free(content.data);
    bench_free(&bench);
}

/* Frames are held while their bytes are still to be written, and no longer. */
static void test_frames_are_held(void)
{
    Bench bench = bench_new();
    Pool *pool = pool_new(1U << 20);
    Frame *frame = frame_new(pool, 100);
    memcpy(frame->data, "\x00\x00\x01\x65", 4);
    frame->size = 4;
    const Mp4Sample sample = {.frame = frame, .data = frame->data, .size = 4, .is_key = true};
    mp4_fragments_add(bench.fragments, 0, &sample);
    frame_unref(frame);
    g_assert_cmpuint(pool_usage(pool).in_use_bytes, >, 0);
    g_assert_cmpint(mp4_fragments_commit(bench.fragments, bench.file), ==, 0);
    g_assert_cmpuint(pool_usage(pool).in_use_bytes, ==, 0);

    frame = frame_new(pool, 100);
    mp4_fragments_add(bench.fragments, 1, &(Mp4Sample){.frame = frame, .data = frame->data});
    frame_unref(frame);
    bench_free(&bench);
    g_assert_cmpuint(pool_usage(pool).in_use_bytes, ==, 0);
    pool_unref(pool);
}

static void test_full(void)
{
    Bench bench = bench_new();
    unsigned count = 0;
    for (; !mp4_fragments_is_full(bench.fragments); count++)
        add_sound(&bench, count * 960);
    g_assert_cmpuint(count, ==, 16384);
    g_assert_cmpint(mp4_fragments_commit(bench.fragments, bench.file), ==, 0);
    g_assert_false(mp4_fragments_is_full(bench.fragments));
    bench_free(&bench);
}

/* More pieces than one call of the system takes, and a disk that is full in the middle of them. */
static void test_disk_full(void)
{
    Bench bench = bench_new();
    struct rlimit former;
    for (unsigned i = 0; i < 2000; i++)
        add_picture(&bench, i * 3000, i == 0);
    g_assert_cmpint(mp4_fragments_commit(bench.fragments, bench.file), ==, 0);
    const uint64_t whole = fragment_file_bytes(bench.file);
    g_assert_cmpuint(whole, >, 2000 * 7);

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &former);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){whole + 30000, former.rlim_max});
    for (unsigned i = 2000; i < 4000; i++)
        add_picture(&bench, i * 3000, false);
    const int error = mp4_fragments_commit(bench.fragments, bench.file);
    setrlimit(RLIMIT_FSIZE, &former);
    g_assert_cmpint(error, ==, AVERROR(EFBIG));
    Content content = read_all(&bench);
    g_assert_cmpuint(content.size, ==, whole);
    g_free(content.data);
    bench_free(&bench);
}

void mp4_fragments_test_add(void)
{
    g_test_add_func("/mp4_sample", test_samples);
    g_test_add_func("/mp4_fragments/boxes", test_boxes);
    g_test_add_func("/mp4_fragments/entries", test_entries);
    g_test_add_func("/mp4_fragments/frames_are_held", test_frames_are_held);
    g_test_add_func("/mp4_fragments/full", test_full);
    g_test_add_func("/mp4_fragments/disk_full", test_disk_full);
}
