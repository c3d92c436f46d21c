#include "room/load_feed.h"

#include <sys/uio.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hot_memory.h"
#include "room/load_cursor.h"
#include "rtp/rtcp.h"

#define TURN_NS (4 * NS_PER_MS)
#define STAGGER_NS (40 * NS_PER_MS) /* more than the distance of two pictures */
#define STAGGER_STEPS 128
#define STAGGER_STEP 79 /* neighbours are far from each other */
#define FIRST_REPORT_NS NS_PER_SECOND
#define REPORT_INTERVAL_NS (3 * NS_PER_SECOND)
#define PACKET_SIZE (RTP_SENDER_MAX_PACKET + PEER_TRAILER)

typedef struct {
    int64_t due_ns; /* of its next frame or report; CLOCK_NEVER = not connected yet */
    int64_t start_ns, next_report_ns;
    Downlink *downlink;
    HotMemory *hot; /* what sending touches; listed with each report */
    LoadCursor cursor;
    char *cname;
    unsigned publisher;
    uint32_t ssrc, timestamp_offset, packets, bytes;
    uint16_t sequence;
    uint8_t payload_type;
} Stream;

struct LoadFeed {
    NetThread *thread;
    GSource *timer;
    const GPtrArray *media; /* of LoadMedia* */
    LoadCounters *counters;
    GArray *streams; /* of Stream: all are looked at in each turn */
    uint8_t packets[UDP_PATH_BATCH][PACKET_SIZE];
};

static void stream_clear(void *data)
{
    g_free(((Stream *)data)->cname);
    g_free(((Stream *)data)->hot);
}

static Stream *stream_at(const LoadFeed *feed, unsigned index)
{
    return &g_array_index(feed->streams, Stream, index);
}

static int64_t frame_due_ns(const Stream *stream)
{
    return stream->start_ns + load_cursor_time_ns(&stream->cursor);
}

static size_t write_packet(Stream *stream, const MediaFrame *frame, unsigned index, uint8_t *packet)
{
    const MediaPayload payload = frame->payloads[index];
    const bool marker = frame->kind == TRACK_VIDEO && index + 1 == frame->payload_count;
    ByteWriter writer = byte_writer(packet, RTP_SENDER_MAX_PACKET);
    bytes_write_u8(&writer, 0x80);
    bytes_write_u8(&writer, (uint8_t)((marker ? 0x80 : 0) | stream->payload_type));
    bytes_write_u16(&writer, stream->sequence++);
    bytes_write_u32(&writer,
                    stream->timestamp_offset + (uint32_t)load_cursor_ticks(&stream->cursor));
    bytes_write_u32(&writer, stream->ssrc);
    bytes_write_span(&writer, frame->bytes + payload.offset, payload.size);
    stream->packets++;
    stream->bytes += payload.size;
    return writer.size;
}

static void send_frame(LoadFeed *feed, Stream *stream)
{
    const MediaFrame *frame = load_cursor_frame(&stream->cursor);
    struct iovec batch[UDP_PATH_BATCH];
    unsigned count = 0;
    for (unsigned i = 0; i < frame->payload_count; i++) {
        batch[count].iov_base = feed->packets[count];
        batch[count].iov_len = write_packet(stream, frame, i, feed->packets[count]);
        if (++count < UDP_PATH_BATCH && i + 1 < frame->payload_count) {
            continue;
        }
        const unsigned sent = peer_send_rtp_many(downlink_peer(stream->downlink), batch, count);
        atomic_fetch_add(&feed->counters->packets, sent);
        atomic_fetch_add(&feed->counters->unsent, count - sent);
        count = 0;
    }
}

static void list_memory(const Stream *stream)
{
    stream->hot->count = 0;
    downlink_sending_memory(stream->downlink, stream->hot);
}

static void send_report(const Stream *stream, int64_t now_ns)
{
    uint8_t packet[256 + PEER_TRAILER];
    ByteWriter writer = byte_writer(packet, sizeof packet - PEER_TRAILER);
    const MediaTimeline wall = {.start_wall_ns = clock_wall_ns(), .speed = 1.0};
    const uint64_t ticks = (uint64_t)(now_ns - stream->start_ns) / NS_PER_US *
                           (stream->cursor.media->ticks / LOAD_MEDIA_SECONDS) / 1000000;
    const RtcpSenderReport report = {
        .ssrc = stream->ssrc,
        .ntp = media_timeline_ntp(&wall, 0),
        .rtp_timestamp = stream->timestamp_offset + (uint32_t)ticks,
        .packets = stream->packets,
        .bytes = stream->bytes,
    };
    rtcp_write_sender_report(&writer, &report, stream->cname);
    peer_send_rtcp(downlink_peer(stream->downlink), packet, writer.size);
}

static void advance(LoadFeed *feed, Stream *stream, int64_t now_ns)
{
    for (int64_t at_ns = frame_due_ns(stream); at_ns <= now_ns; at_ns = frame_due_ns(stream)) {
        const int64_t late_ms = (clock_monotonic_ns() - at_ns) / NS_PER_MS;
        atomic_fetch_add(&feed->counters->late_ms[CLAMP(late_ms, 0, LOAD_LATE_MS_MAX)], 1);
        send_frame(feed, stream);
        load_cursor_advance(&stream->cursor);
    }
    if (now_ns >= stream->next_report_ns) {
        send_report(stream, now_ns);
        list_memory(stream);
        stream->next_report_ns += REPORT_INTERVAL_NS;
    }
    stream->due_ns = MIN(frame_due_ns(stream), stream->next_report_ns);
}

/* The next stream that is due, or `len`. */
static unsigned next_due(const LoadFeed *feed, unsigned index, int64_t now_ns)
{
    while (index < feed->streams->len && stream_at(feed, index)->due_ns > now_ns) {
        index++;
    }
    return index;
}

/* What the next two will touch comes from memory while one is sent. */
static void advance_due(LoadFeed *feed, int64_t now_ns)
{
    const unsigned end = feed->streams->len;
    unsigned first = next_due(feed, 0, now_ns), second = next_due(feed, first + 1, now_ns);
    while (first < end) {
        const unsigned third = next_due(feed, second + 1, now_ns);
        if (third < end) {
            hot_memory_fetch_list(stream_at(feed, third)->hot);
        }
        if (second < end) {
            hot_memory_fetch(stream_at(feed, second)->hot);
        }
        advance(feed, stream_at(feed, first), now_ns);
        first = second;
        second = third;
    }
}

static gboolean on_turn(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)callback;
    LoadFeed *feed = data;
    const int64_t now_ns = clock_monotonic_ns();
    advance_due(feed, now_ns);
    const int64_t next_ns = (now_ns / TURN_NS + 1) * TURN_NS;
    g_source_set_ready_time(source, feed->streams->len > 0 ? next_ns / NS_PER_US : -1);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_functions = {.dispatch = on_turn};

LoadFeed *load_feed_new(NetThread *thread, const GPtrArray *media, LoadCounters *counters)
{
    LoadFeed *feed = g_new0(LoadFeed, 1);
    feed->thread = thread;
    feed->media = media;
    feed->counters = counters;
    feed->streams = g_array_new(FALSE, FALSE, sizeof(Stream));
    g_array_set_clear_func(feed->streams, stream_clear);
    feed->timer = g_source_new(&timer_functions, sizeof(GSource));
    g_source_set_callback(feed->timer, NULL, feed, NULL);
    g_source_attach(feed->timer, net_thread_context(thread));
    return feed;
}

void load_feed_free(LoadFeed *feed)
{
    if (feed == NULL) {
        return;
    }
    g_source_destroy(feed->timer);
    g_source_unref(feed->timer);
    g_array_unref(feed->streams);
    g_free(feed);
}

/* Sound and picture of somebody begin at once. */
static void start(Stream *stream, int64_t now_ns)
{
    const unsigned place = downlink_id(stream->downlink) + stream->publisher;
    stream->start_ns = now_ns + place * STAGGER_STEP % STAGGER_STEPS * (STAGGER_NS / STAGGER_STEPS);
    stream->next_report_ns = stream->start_ns + FIRST_REPORT_NS;
    stream->due_ns = stream->start_ns;
}

void load_feed_add(LoadFeed *feed, Downlink *downlink, const DownlinkTrack *track)
{
    const LoadMedia *all = feed->media->pdata[track->publisher];
    const LoadTrack *media = &all->tracks[track->kind];
    if (media->count == 0) {
        return;
    }
    Stream stream = {
        .due_ns = CLOCK_NEVER,
        .downlink = downlink,
        .hot = g_new0(HotMemory, 1),
        .cursor = load_cursor(media),
        .cname = g_strdup(track->cname),
        .publisher = track->publisher,
        .ssrc = track->ssrc,
        .payload_type = track->payloads[media->frames[0]->codec].payload_type,
        .timestamp_offset = g_random_int(),
        .sequence = (uint16_t)g_random_int(),
    };
    if (downlink_is_connected(downlink)) {
        start(&stream, clock_monotonic_ns());
    }
    g_array_append_val(feed->streams, stream);
    g_source_set_ready_time(feed->timer, 0);
}

void load_feed_remove(LoadFeed *feed, const Downlink *downlink, uint32_t ssrc)
{
    for (unsigned i = feed->streams->len; i > 0; i--) {
        const Stream *stream = stream_at(feed, i - 1);
        if (stream->downlink == downlink && (ssrc == 0 || stream->ssrc == ssrc)) {
            g_array_remove_index_fast(feed->streams, i - 1);
        }
    }
}

void load_feed_connected(LoadFeed *feed, unsigned downlink_id_connected)
{
    for (unsigned i = 0; i < feed->streams->len; i++) {
        Stream *stream = stream_at(feed, i);
        if (downlink_id(stream->downlink) == downlink_id_connected &&
            stream->due_ns == CLOCK_NEVER) {
            start(stream, clock_monotonic_ns());
        }
    }
}

void load_feed_want_key(LoadFeed *feed, unsigned downlink_id_asking, uint32_t ssrc)
{
    for (unsigned i = 0; i < feed->streams->len; i++) {
        Stream *stream = stream_at(feed, i);
        if (downlink_id(stream->downlink) == downlink_id_asking && stream->ssrc == ssrc) {
            load_cursor_want_key(&stream->cursor);
        }
    }
}

unsigned load_counters_take_late_ms(LoadCounters *counters, double share)
{
    uint64_t late_ms[LOAD_LATE_MS_MAX + 1], total = 0, below = 0;
    for (unsigned i = 0; i <= LOAD_LATE_MS_MAX; i++) {
        late_ms[i] = atomic_exchange(&counters->late_ms[i], 0);
        total += late_ms[i];
    }
    for (unsigned i = 0; i <= LOAD_LATE_MS_MAX; i++) {
        below += late_ms[i];
        if ((double)below >= share * (double)total) {
            return i;
        }
    }
    return LOAD_LATE_MS_MAX;
}
