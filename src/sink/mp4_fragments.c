#include "sink/mp4_fragments.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "sink/mp4_sample.h"

/* Beyond either a fragment is committed early. */
#define SAMPLES_MAX 16384
#define BYTES_MAX (64U << 20)

/* Sizes of boxes, with their headers (8.8.5, 8.8.7, 8.8.12, 8.8.8, 8.8.10). */
#define BOX_BYTES 8
#define MFHD_BYTES 16
#define TFHD_BYTES 16
#define TFDT_BYTES 20
#define TRUN_BYTES 20
#define SAMPLE_BYTES 12
#define TFRA_BYTES 24
#define ENTRY_BYTES 28
#define MFRO_BYTES 16

#define TFHD_DEFAULT_BASE_IS_MOOF 0x020000U
#define TRUN_OFFSET_DURATION_SIZE_FLAGS 0x000701U
#define FLAGS_KEY 0x02000000U     /* depends on no other sample (8.6.4) */
#define FLAGS_NOT_KEY 0x01010000U /* depends on others, is not a sync sample */
#define TFRA_NUMBERS_OF_4_BYTES 0x3fU

#define ENTRY_EVERY_SECONDS 2 /* of sound, where each sample is a place to enter */

typedef struct {
    Frame *frame;
    const uint8_t *data;
    size_t size; /* of the frame; from the commit on of the sample */
    int64_t ticks;
    uint32_t duration;
    uint32_t next; /* of its track; 0: none */
    bool is_key;
} Sample;

typedef struct {
    Codec codec;
    unsigned rate;
    uint32_t first, last; /* in samples, counted from 1; 0: none */
    unsigned count;
    size_t bytes;
    int64_t entry_ticks; /* the last one */
    bool has_entry;
} Track;

/* A place to enter the file at. */
typedef struct {
    int64_t ticks;
    uint64_t moof;
    uint32_t traf, sample; /* counted from 1 */
    unsigned track;
} Entry;

struct Mp4Fragments {
    Track tracks[MP4_FRAGMENTS_MAX_TRACKS];
    unsigned track_count;
    Sample *samples;
    size_t sample_count, sample_capacity;
    size_t bytes;
    uint32_t sequence;
    Mp4Pieces pieces;
    uint8_t *head;
    size_t head_capacity;
    struct iovec *vector;
    size_t vector_capacity;
    Entry *entries;
    size_t entry_count, entry_capacity;
};

/* Room for `count` of such items. */
static void *grow(void *items, size_t *capacity, size_t count, size_t item_bytes)
{
    if (count <= *capacity)
        return items;
    while (*capacity < count)
        *capacity = *capacity > 0 ? 2 * *capacity : 64;
    items = realloc(items, *capacity * item_bytes);
    require(items != NULL);
    return items;
}

Mp4Fragments *mp4_fragments_new(void)
{
    Mp4Fragments *fragments = calloc(1, sizeof *fragments);
    require(fragments != NULL);
    return fragments;
}

static void drop_samples(Mp4Fragments *fragments)
{
    for (size_t i = 0; i < fragments->sample_count; i++)
        frame_unref(fragments->samples[i].frame);
    for (unsigned i = 0; i < fragments->track_count; i++) {
        Track *track = &fragments->tracks[i];
        track->first = track->last = track->count = 0;
        track->bytes = 0;
    }
    fragments->sample_count = 0;
    fragments->bytes = 0;
}

void mp4_fragments_free(Mp4Fragments *fragments)
{
    if (fragments == NULL)
        return;
    drop_samples(fragments);
    mp4_pieces_clear(&fragments->pieces);
    free(fragments->samples);
    free(fragments->head);
    free(fragments->vector);
    free(fragments->entries);
    free(fragments);
}

void mp4_fragments_add_track(Mp4Fragments *fragments, Codec codec, unsigned rate)
{
    require(fragments->track_count < MP4_FRAGMENTS_MAX_TRACKS);
    fragments->tracks[fragments->track_count++] = (Track){.codec = codec, .rate = rate};
}

static uint32_t to_u32(int64_t value)
{
    return value <= 0 ? 0 : value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

void mp4_fragments_add(Mp4Fragments *fragments, unsigned track_index, const Mp4Sample *sample)
{
    Track *track = &fragments->tracks[track_index];
    fragments->samples = grow(fragments->samples, &fragments->sample_capacity,
                              fragments->sample_count + 1, sizeof *fragments->samples);
    fragments->samples[fragments->sample_count++] = (Sample){
        .frame = sample->frame != NULL ? frame_ref(sample->frame) : NULL,
        .data = sample->data,
        .size = sample->size,
        .ticks = sample->ticks,
        .duration = to_u32(sample->duration_ticks),
        .is_key = sample->is_key,
    };
    const uint32_t number = (uint32_t)fragments->sample_count;
    if (track->last != 0) {
        Sample *before = &fragments->samples[track->last - 1];
        before->next = number;
        before->duration = to_u32(sample->ticks - before->ticks);
    } else {
        track->first = number;
    }
    track->last = number;
    track->count++;
    fragments->bytes += sample->size;
}

bool mp4_fragments_is_full(const Mp4Fragments *fragments)
{
    return fragments->sample_count >= SAMPLES_MAX || fragments->bytes >= BYTES_MAX;
}

static Sample *sample_at(const Mp4Fragments *fragments, uint32_t number)
{
    return number > 0 ? &fragments->samples[number - 1] : NULL;
}

/* ---- what is written ---- */

/* The media, track by track. */
static void collect_pieces(Mp4Fragments *fragments)
{
    fragments->pieces.count = 0;
    for (unsigned i = 0; i < fragments->track_count; i++) {
        Track *track = &fragments->tracks[i];
        Sample *sample = sample_at(fragments, track->first);
        for (; sample != NULL; sample = sample_at(fragments, sample->next)) {
            sample->size =
                mp4_sample_pieces(track->codec, sample->data, sample->size, &fragments->pieces);
            track->bytes += sample->size;
        }
    }
}

static void write_box(ByteWriter *writer, size_t size, const char *type)
{
    bytes_write_u32(writer, (uint32_t)size);
    bytes_write_span(writer, (const uint8_t *)type, 4);
}

static void write_full_box(ByteWriter *writer, size_t size, const char *type, uint8_t version,
                           uint32_t flags)
{
    write_box(writer, size, type);
    bytes_write_u8(writer, version);
    bytes_write_u24(writer, flags);
}

static size_t traf_bytes(const Track *track)
{
    const size_t trun_bytes = TRUN_BYTES + SAMPLE_BYTES * (size_t)track->count;
    return track->count > 0 ? BOX_BYTES + TFHD_BYTES + TFDT_BYTES + trun_bytes : 0;
}

static size_t moof_bytes(const Mp4Fragments *fragments)
{
    size_t bytes = BOX_BYTES + MFHD_BYTES;
    for (unsigned i = 0; i < fragments->track_count; i++)
        bytes += traf_bytes(&fragments->tracks[i]);
    return bytes;
}

/* `offset` is that of the track's media from the beginning of the fragment. */
static void write_traf(const Mp4Fragments *fragments, unsigned index, size_t offset,
                       ByteWriter *writer)
{
    const Track *track = &fragments->tracks[index];
    const Sample *sample = sample_at(fragments, track->first);
    write_box(writer, traf_bytes(track), "traf");
    write_full_box(writer, TFHD_BYTES, "tfhd", 0, TFHD_DEFAULT_BASE_IS_MOOF);
    bytes_write_u32(writer, index + 1);
    write_full_box(writer, TFDT_BYTES, "tfdt", 1, 0);
    bytes_write_u64(writer, (uint64_t)sample->ticks);
    write_full_box(writer, TRUN_BYTES + SAMPLE_BYTES * (size_t)track->count, "trun", 0,
                   TRUN_OFFSET_DURATION_SIZE_FLAGS);
    bytes_write_u32(writer, track->count);
    bytes_write_u32(writer, (uint32_t)offset);
    for (; sample != NULL; sample = sample_at(fragments, sample->next)) {
        bytes_write_u32(writer, sample->duration);
        bytes_write_u32(writer, (uint32_t)sample->size);
        bytes_write_u32(writer, sample->is_key ? FLAGS_KEY : FLAGS_NOT_KEY);
    }
}

/* Everything but the media; its size. */
static size_t write_head(Mp4Fragments *fragments)
{
    const size_t moof = moof_bytes(fragments);
    fragments->head =
        grow(fragments->head, &fragments->head_capacity, moof + BOX_BYTES, sizeof *fragments->head);
    ByteWriter writer = byte_writer(fragments->head, fragments->head_capacity);
    write_box(&writer, moof, "moof");
    write_full_box(&writer, MFHD_BYTES, "mfhd", 0, 0);
    bytes_write_u32(&writer, ++fragments->sequence);
    size_t offset = moof + BOX_BYTES;
    for (unsigned i = 0; i < fragments->track_count; i++) {
        if (fragments->tracks[i].count == 0)
            continue;
        write_traf(fragments, i, offset, &writer);
        offset += fragments->tracks[i].bytes;
    }
    write_box(&writer, offset - moof, "mdat");
    check(!writer.failed && writer.size == moof + BOX_BYTES);
    return writer.size;
}

/* The head and the media; how many of the vector's places that takes. */
static size_t fill_vector(Mp4Fragments *fragments)
{
    Mp4Pieces *pieces = &fragments->pieces;
    const size_t head_bytes = write_head(fragments);
    size_t count = 0;
    fragments->vector = grow(fragments->vector, &fragments->vector_capacity, 1 + 2 * pieces->count,
                             sizeof *fragments->vector);
    fragments->vector[count++] = (struct iovec){fragments->head, head_bytes};
    for (size_t i = 0; i < pieces->count; i++) {
        Mp4Piece *piece = &pieces->pieces[i];
        if (piece->has_length)
            fragments->vector[count++] = (struct iovec){piece->length, sizeof piece->length};
        fragments->vector[count++] = (struct iovec){(void *)piece->data, piece->size};
    }
    return count;
}

/* ---- where the file can be entered ---- */

static bool is_entry_due(const Track *track, const Sample *sample)
{
    const int64_t every_ticks = (int64_t)ENTRY_EVERY_SECONDS * track->rate;
    return !track->has_entry || codec_kind(track->codec) == TRACK_VIDEO ||
           sample->ticks - track->entry_ticks >= every_ticks;
}

/* The first sync sample that the track has in this fragment. */
static void note_entry(Mp4Fragments *fragments, unsigned index, uint64_t moof, uint32_t traf)
{
    Track *track = &fragments->tracks[index];
    const Sample *sample = sample_at(fragments, track->first);
    uint32_t number = 1;
    for (; sample != NULL && !sample->is_key; number++)
        sample = sample_at(fragments, sample->next);
    if (sample == NULL || !is_entry_due(track, sample))
        return;
    fragments->entries = grow(fragments->entries, &fragments->entry_capacity,
                              fragments->entry_count + 1, sizeof *fragments->entries);
    fragments->entries[fragments->entry_count++] =
        (Entry){sample->ticks, moof, traf, number, index};
    track->entry_ticks = sample->ticks;
    track->has_entry = true;
}

static void note_entries(Mp4Fragments *fragments, uint64_t moof)
{
    uint32_t traf = 0;
    for (unsigned i = 0; i < fragments->track_count; i++) {
        if (fragments->tracks[i].count > 0)
            note_entry(fragments, i, moof, ++traf);
    }
}

int mp4_fragments_commit(Mp4Fragments *fragments, FragmentFile *file)
{
    if (fragments->sample_count == 0)
        return 0;
    const uint64_t moof = fragment_file_bytes(file);
    collect_pieces(fragments);
    const size_t count = fill_vector(fragments);
    const int error = fragment_file_append(file, fragments->vector, count);
    if (error == 0)
        note_entries(fragments, moof);
    drop_samples(fragments);
    return error;
}

static void write_tfra(const Mp4Fragments *fragments, unsigned track, ByteWriter *writer)
{
    size_t count = 0;
    for (size_t i = 0; i < fragments->entry_count; i++)
        count += fragments->entries[i].track == track;
    write_full_box(writer, TFRA_BYTES + ENTRY_BYTES * count, "tfra", 1, 0);
    bytes_write_u32(writer, track + 1);
    bytes_write_u32(writer, TFRA_NUMBERS_OF_4_BYTES);
    bytes_write_u32(writer, (uint32_t)count);
    for (size_t i = 0; i < fragments->entry_count; i++) {
        const Entry *entry = &fragments->entries[i];
        if (entry->track != track)
            continue;
        bytes_write_u64(writer, (uint64_t)entry->ticks);
        bytes_write_u64(writer, entry->moof);
        bytes_write_u32(writer, entry->traf);
        bytes_write_u32(writer, 1);
        bytes_write_u32(writer, entry->sample);
    }
}

int mp4_fragments_finish(Mp4Fragments *fragments, FragmentFile *file)
{
    const int error = mp4_fragments_commit(fragments, file);
    if (error < 0)
        return error;
    const size_t size = BOX_BYTES + TFRA_BYTES * (size_t)fragments->track_count +
                        ENTRY_BYTES * fragments->entry_count + MFRO_BYTES;
    fragments->head = grow(fragments->head, &fragments->head_capacity, size, 1);
    ByteWriter writer = byte_writer(fragments->head, size);
    write_box(&writer, size, "mfra");
    for (unsigned i = 0; i < fragments->track_count; i++)
        write_tfra(fragments, i, &writer);
    write_full_box(&writer, MFRO_BYTES, "mfro", 0, 0);
    bytes_write_u32(&writer, (uint32_t)size);
    check(!writer.failed && writer.size == size);
    return fragment_file_append(file, &(struct iovec){fragments->head, size}, 1);
}
