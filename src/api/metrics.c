#include "api/metrics.h"

#include <string.h>

#include "base/clock.h"

typedef enum {
    METRIC_PACKETS,
    METRIC_BYTES,
    METRIC_LOST,
    METRIC_RECOVERED,
    METRIC_NACKS,
    METRIC_PLIS,
    METRIC_KEYFRAMES,
    METRIC_FRAMES_WRITTEN,
    METRIC_BYTES_WRITTEN,
    METRIC_LAST_WRITE,
    METRIC_QUEUE_SIZE,
    METRIC_QUEUE_DROPPED,
    METRIC_COUNT,
} Metric;

static const struct {
    const char *name, *type, *help;
} metrics[METRIC_COUNT] = {
    [METRIC_PACKETS] = {"roomtape_track_packets_total", "counter", "RTP packets received."},
    [METRIC_BYTES] = {"roomtape_track_bytes_total", "counter", "RTP payload bytes received."},
    [METRIC_LOST] = {"roomtape_track_lost_total", "counter", "Packets given up as lost."},
    [METRIC_RECOVERED] = {"roomtape_track_recovered_total", "counter",
                          "Packets that came by retransmission."},
    [METRIC_NACKS] = {"roomtape_track_nacks_total", "counter", "Packets asked for again."},
    [METRIC_PLIS] = {"roomtape_track_plis_total", "counter", "Key frames asked for."},
    [METRIC_KEYFRAMES] = {"roomtape_track_keyframes_total", "counter", "Key frames received."},
    [METRIC_FRAMES_WRITTEN] = {"roomtape_track_frames_written_total", "counter",
                               "Frames written to the file."},
    [METRIC_BYTES_WRITTEN] = {"roomtape_track_bytes_written_total", "counter",
                              "Media bytes written to the file."},
    [METRIC_LAST_WRITE] = {"roomtape_track_seconds_since_last_write", "gauge",
                           "Age of the last write; absent before the first."},
    [METRIC_QUEUE_SIZE] = {"roomtape_track_queue_size", "gauge", "Frames that wait for the file."},
    [METRIC_QUEUE_DROPPED] = {"roomtape_track_queue_dropped_total", "counter",
                              "Frames dropped because the queue was full."},
};

/* The samples of a family have to stand together, so each has its own text. */
typedef struct {
    unsigned states[RECORDING_STATE_COUNT];
    GString *samples[METRIC_COUNT];
} Collection;

/* Label values are strangers' text: quotes, backslashes and line ends are escaped. */
static char *escape_label(const char *value)
{
    g_autofree char *valid = g_utf8_make_valid(value, -1);
    GString *escaped = g_string_new(NULL);
    for (const char *at = valid; *at != '\0'; at++) {
        if (*at == '\n')
            g_string_append(escaped, "\\n");
        else if (*at == '\\' || *at == '"')
            g_string_append_printf(escaped, "\\%c", *at);
        else
            g_string_append_c(escaped, *at);
    }
    return g_string_free(escaped, FALSE);
}

static char *track_labels(const RecordingStatus *status, const TrackStatus *track)
{
    g_autofree char *mint_id = escape_label(status->mint_id);
    g_autofree char *identity = escape_label(track->identity);
    g_autofree char *sid = escape_label(track->sid);
    return g_strdup_printf("{mint_id=\"%s\",track=\"%s\",identity=\"%s\",kind=\"%s\"}", mint_id,
                           sid, identity, track_kind_name(track->kind));
}

static void add_count(Collection *collection, Metric metric, const char *labels, uint64_t value)
{
    g_string_append_printf(collection->samples[metric], "%s%s %" G_GUINT64_FORMAT "\n",
                           metrics[metric].name, labels, value);
}

static void add_seconds(Collection *collection, Metric metric, const char *labels, int64_t ns)
{
    g_string_append_printf(
        collection->samples[metric], "%s%s %" G_GINT64_FORMAT ".%03" G_GINT64_FORMAT "\n",
        metrics[metric].name, labels, ns / NS_PER_SECOND, ns % NS_PER_SECOND / NS_PER_MS);
}

static void add_track(Collection *collection, const char *labels, const TrackStatus *track)
{
    add_count(collection, METRIC_PACKETS, labels, track->packets);
    add_count(collection, METRIC_BYTES, labels, track->bytes);
    add_count(collection, METRIC_LOST, labels, track->lost);
    add_count(collection, METRIC_RECOVERED, labels, track->recovered);
    add_count(collection, METRIC_NACKS, labels, track->nacks);
    add_count(collection, METRIC_PLIS, labels, track->plis);
    add_count(collection, METRIC_KEYFRAMES, labels, track->keyframes);
    add_count(collection, METRIC_FRAMES_WRITTEN, labels, track->frames_written);
    add_count(collection, METRIC_BYTES_WRITTEN, labels, track->bytes_written);
    add_count(collection, METRIC_QUEUE_SIZE, labels, track->queue.size);
    add_count(collection, METRIC_QUEUE_DROPPED, labels, track->queue.dropped);
    if (track->last_write_age_ns >= 0)
        add_seconds(collection, METRIC_LAST_WRITE, labels, track->last_write_age_ns);
}

static void collect(void *owner, const RecordingStatus *status)
{
    Collection *collection = owner;
    collection->states[status->state]++;
    for (unsigned i = 0; i < status->track_count; i++) {
        g_autofree char *labels = track_labels(status, &status->tracks[i]);
        add_track(collection, labels, &status->tracks[i]);
    }
}

static void write_head(GString *text, const char *name, const char *type, const char *help)
{
    g_string_append_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_states(GString *text, const Collection *collection)
{
    write_head(text, "roomtape_recordings", "gauge", "Recordings by state.");
    for (RecordingState state = 0; state < RECORDING_STATE_COUNT; state++)
        g_string_append_printf(text, "roomtape_recordings{state=\"%s\"} %u\n",
                               recording_state_name(state), collection->states[state]);
}

static void write_results(GString *text, const uint64_t *results)
{
    write_head(text, "roomtape_results_total", "counter", "Recordings that ended, by code.");
    for (OutcomeCode code = CODE_NONE; code < CODE_COUNT; code++)
        g_string_append_printf(text, "roomtape_results_total{code=\"%s\"} %" G_GUINT64_FORMAT "\n",
                               code == CODE_NONE ? "complete" : outcome_code_name(code),
                               results[code]);
}

static void write_build(GString *text)
{
    write_head(text, "roomtape_build_info", "gauge", "The version that runs.");
    g_string_append(text, "roomtape_build_info{version=\"" ROOMTAPE_VERSION "\"} 1\n");
}

char *metrics_text(WebRTCRecordingService *service)
{
    Collection collection = {.states = {0}};
    GString *text = g_string_new(NULL);
    for (Metric metric = 0; metric < METRIC_COUNT; metric++)
        collection.samples[metric] = g_string_new(NULL);
    recording_service_foreach(service, collect, &collection);

    write_build(text);
    write_states(text, &collection);
    write_results(text, recording_service_results(service));
    for (Metric metric = 0; metric < METRIC_COUNT; metric++) {
        write_head(text, metrics[metric].name, metrics[metric].type, metrics[metric].help);
        g_string_append(text, collection.samples[metric]->str);
        g_string_free(collection.samples[metric], TRUE);
    }
    return g_string_free(text, FALSE);
}
