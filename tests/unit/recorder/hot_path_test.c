/* From the protected datagram to the queue nothing is allocated once a stream runs; malloc() is
 * replaced for the whole process, so that the libraries' calls count too. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "recorder/track_pipeline.h"
#include "rtp/rtp_packet.h"
#include "transport/cipher.h"
#include "transport/peer.h"

#define SSRC 0x1234
#define FRAME_PACKETS 3
#define FRAME_NS (33 * NS_PER_MS)
#define PACKET_BYTES 1100

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

#define REPLACES_LIBC __attribute__((visibility("default")))

static unsigned allocations;

REPLACES_LIBC void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

REPLACES_LIBC void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

REPLACES_LIBC void *realloc(void *memory, size_t size)
{
    allocations++;
    return __libc_realloc(memory, size);
}

typedef struct {
    Cipher *sender, *receiver;
    Pool *pool;
    MediaClock *clock;
    PauseGate *gate;
    BoundedQueue *queue;
    TrackCounters counters;
    TrackPipeline *pipeline;
    unsigned frames;
} Path;

static void on_input_changed(void *owner, unsigned track_id, const TrackInput *input)
{
    (void)owner;
    (void)track_id;
    (void)input;
}

static void on_track(void *owner, unsigned track_id)
{
    (void)owner;
    (void)track_id;
}

static void open_path(Path *path, CipherProfile profile)
{
    const CipherKeys keys = {.local = {1, 2, 3}, .remote = {1, 2, 3}};
    path->sender = cipher_new(profile, &keys);
    path->receiver = cipher_new(profile, &keys);
    path->pool = pool_new(1 << 24);
    path->clock = media_clock_new(NS_PER_SECOND);
    path->gate = pause_gate_new(0, (PauseGateOut){.owner = NULL});
    path->queue = bounded_queue_new(TRACK_VIDEO, 60, 1 << 22);
    const TrackPipelineConfig config = {
        .kind = TRACK_VIDEO,
        .queue = path->queue,
        .counters = &path->counters,
        .clock = path->clock,
        .gate = path->gate,
        .pool = path->pool,
        .keyframe_timeout_ns = 2 * NS_PER_SECOND,
    };
    path->pipeline = track_pipeline_new(
        &config, (TrackPipelineOut){.on_track = on_track, .input_changed = on_input_changed});
    const ReceiverPayload payload = {96, CODEC_VP8, 0};
    track_pipeline_bind(path->pipeline, SSRC, 0, &payload, 1);
}

static void close_path(Path *path)
{
    track_pipeline_free(path->pipeline);
    bounded_queue_free(path->queue);
    pause_gate_free(path->gate);
    media_clock_free(path->clock);
    pool_unref(path->pool);
    cipher_free(path->sender);
    cipher_free(path->receiver);
}

/* Every thirtieth frame is a key frame of 320x240. */
static size_t write_packet(Path *path, uint8_t *datagram, unsigned index)
{
    static const uint8_t key[] = {0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00};
    static const uint8_t delta[] = {0x10, 0x11, 0x02, 0x00};
    const unsigned frame = index / FRAME_PACKETS, part = index % FRAME_PACKETS;
    ByteWriter writer = byte_writer(datagram, PACKET_BYTES);
    bytes_write_u8(&writer, 0x80);
    bytes_write_u8(&writer, part == FRAME_PACKETS - 1 ? 0x80 | 96 : 96);
    bytes_write_u16(&writer, (uint16_t)index);
    bytes_write_u32(&writer, frame * 2970u);
    bytes_write_u32(&writer, SSRC);
    if (part > 0)
        bytes_write_u8(&writer, 0x00);
    else if (frame % 30 == 0)
        bytes_write_span(&writer, key, sizeof key);
    else
        bytes_write_span(&writer, delta, sizeof delta);
    size_t size = PACKET_BYTES;
    g_assert_true(cipher_protect_rtp(path->sender, datagram, &size));
    return size;
}

static void receive(Path *path, uint8_t *datagram, size_t size, int64_t now_ns)
{
    RtpPacket packet;
    g_assert_cmpint(cipher_unprotect_rtp(path->receiver, datagram, &size), ==, CIPHER_OK);
    g_assert_true(rtp_packet_parse(datagram, size, now_ns, &packet));
    track_pipeline_push(path->pipeline, &packet);
}

static void drain(Path *path)
{
    Frame *frame;
    while (bounded_queue_get(path->queue, &frame) == QUEUE_FRAME) {
        path->frames++;
        frame_unref(frame);
    }
}

static unsigned play(Path *path, unsigned first, unsigned end)
{
    unsigned allocated = 0;
    uint8_t datagram[PACKET_BYTES + PEER_TRAILER], rtcp[1200], second[1200];
    for (unsigned i = first; i < end; i++) {
        const int64_t now_ns = NS_PER_SECOND + i / FRAME_PACKETS * FRAME_NS;
        memset(datagram, 0, sizeof datagram);
        const size_t size = write_packet(path, datagram, i);
        const unsigned before = allocations;
        ByteWriter writer = byte_writer(rtcp, sizeof rtcp);
        ByteWriter again = byte_writer(second, sizeof second);
        receive(path, datagram, size, now_ns);
        track_pipeline_feedback(path->pipeline, now_ns, 1, &writer, &again);
        drain(path);
        allocated += allocations - before;
    }
    return allocated;
}

static void none_a_packet(gconstpointer data)
{
    Path path = {0};
    open_path(&path, (CipherProfile)GPOINTER_TO_INT(data));
    g_assert_cmpuint(play(&path, 0, 300), >, 0); /* the first frames fill the pool: it counts */
    g_assert_cmpuint(play(&path, 300, 12000), ==, 0);
    g_assert_cmpuint(path.frames, >=, 12000 / FRAME_PACKETS - 2);
    const unsigned before = allocations;
    g_free(g_malloc(64));
    g_assert_cmpuint(allocations, ==, before + 1); /* the libraries' calls are seen */
    close_path(&path);
}

static bool is_listed(const HotMemory *hot, const void *object)
{
    const uintptr_t line = (uintptr_t)object / HOT_MEMORY_LINE;
    for (unsigned i = 0; i < hot->count; i++) {
        const uintptr_t first = hot->ranges[i] / HOT_MEMORY_LINE;
        if (line >= first && line <= first + hot->ranges[i] % HOT_MEMORY_LINE)
            return true;
    }
    return false;
}

/* With as many ranges left as two tracks and a peer around them take. */
static void lists_its_memory(void)
{
    Path path = {0};
    HotMemory hot = {0}, unbound = {0}, sending = {0};
    open_path(&path, CIPHER_AEAD_AES_128_GCM);
    play(&path, 0, 3);
    cipher_hot_memory(path.receiver, &hot);
    pool_hot_memory(path.pool, &hot);
    track_pipeline_hot_memory(path.pipeline, &hot);
    const void *const objects[] = {
        path.receiver, path.pool, path.pipeline, &path.counters.ledger,
        path.queue,    path.gate, path.clock,    &path.counters.last_packet_ns};
    for (unsigned i = 0; i < G_N_ELEMENTS(objects); i++)
        g_assert_true(is_listed(&hot, objects[i]));
    cipher_sending_memory(path.sender, &sending);
    g_assert_true(is_listed(&sending, path.sender));
    g_assert_cmpuint(sending.count, >, 3);
    g_assert_false(is_listed(&hot, __func__)); /* neither on the stack nor on the heap */
    g_assert_cmpuint(hot.count, <, HOT_MEMORY_RANGES / 2);
    track_pipeline_unbind(path.pipeline);
    track_pipeline_hot_memory(path.pipeline, &unbound);
    g_assert_cmpuint(unbound.count, ==, 0);
    close_path(&path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const CipherProfile profiles[] = {CIPHER_AEAD_AES_128_GCM, CIPHER_AEAD_AES_256_GCM};
    for (unsigned i = 0; i < G_N_ELEMENTS(profiles); i++) {
        g_autofree char *name = g_strdup_printf("/hot_path/%s", cipher_profile_name(profiles[i]));
        g_test_add_data_func(name, GINT_TO_POINTER(profiles[i]), none_a_packet);
    }
    g_test_add_func("/hot_path/lists-its-memory", lists_its_memory);
    return g_test_run();
}
