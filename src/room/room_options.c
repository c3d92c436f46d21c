#include "room/room_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "room/fault_script.h"

static bool fail(GError **error, const char *text, const char *why)
{
    g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_CONFIG,
                "The publisher option \"%s\" is not understood: %s.", text, why);
    return false;
}

static bool parse_number(const char *text, unsigned max, unsigned *ret_number)
{
    guint64 number = 0;
    if (text == NULL || !g_ascii_string_to_unsigned(text, 10, 0, max, &number, NULL)) {
        return false;
    }
    *ret_number = (unsigned)number;
    return true;
}

static bool parse_codec(const char *text, TrackKind kind, Codec *ret_codec)
{
    if (text != NULL && strcmp(text, "none") == 0) {
        *ret_codec = CODEC_UNKNOWN;
        return true;
    }
    *ret_codec = text != NULL ? codec_from_name(text) : CODEC_UNKNOWN;
    return *ret_codec != CODEC_UNKNOWN && codec_kind(*ret_codec) == kind;
}

static bool parse_muted(const char *text, EmbeddedPublisher *publisher)
{
    const bool both = text == NULL || strcmp(text, "both") == 0;
    publisher->video_muted = both || strcmp(text, "video") == 0;
    publisher->audio_muted = both || strcmp(text, "audio") == 0;
    return publisher->video_muted || publisher->audio_muted;
}

static bool parse_size(const char *text, EmbeddedPublisher *publisher)
{
    char rest = '\0';
    return text != NULL &&
           sscanf(text, "%4ux%4u%c", &publisher->width, &publisher->height, &rest) == 2;
}

static bool parse_time(const char *text, int64_t *ret_ns)
{
    return text != NULL && fault_parse_time(text, ret_ns);
}

static bool parse_signed_time(const char *text, int64_t *ret_ns)
{
    const bool negative = text != NULL && text[0] == '-';
    if (!parse_time(negative ? text + 1 : text, ret_ns)) {
        return false;
    }
    *ret_ns = negative ? -*ret_ns : *ret_ns;
    return true;
}

static bool parse_drift(const char *text, double *ret_ppm)
{
    char *end = NULL;
    *ret_ppm = text != NULL ? g_ascii_strtod(text, &end) : 0.0;
    return end != NULL && end != text && *end == '\0' && *ret_ppm > -100000 && *ret_ppm < 100000;
}

static bool parse_key(const char *key, const char *value, EmbeddedPublisher *publisher)
{
    if (strcmp(key, "video") == 0) {
        return parse_codec(value, TRACK_VIDEO, &publisher->video_codec);
    }
    if (strcmp(key, "audio") == 0) {
        return parse_codec(value, TRACK_AUDIO, &publisher->audio_codec);
    }
    if (strcmp(key, "size") == 0) {
        return parse_size(value, publisher);
    }
    if (strcmp(key, "fps") == 0) {
        return parse_number(value, 120, &publisher->fps) && publisher->fps > 0;
    }
    if (strcmp(key, "bitrate") == 0) {
        return parse_number(value, 100000000, &publisher->video_bitrate);
    }
    if (strcmp(key, "keyframes") == 0) {
        return parse_time(value, &publisher->keyframe_interval_ns);
    }
    if (strcmp(key, "start") == 0) {
        return parse_time(value, &publisher->start_ns);
    }
    if (strcmp(key, "leave") == 0) {
        return parse_time(value, &publisher->leave_ns);
    }
    if (strcmp(key, "video-delay") == 0) {
        return parse_time(value, &publisher->video_delay_ns);
    }
    if (strcmp(key, "muted") == 0) {
        return parse_muted(value, publisher);
    }
    if (strcmp(key, "drift") == 0) {
        return parse_drift(value, &publisher->drift_ppm);
    }
    if (strcmp(key, "ntp-offset") == 0) {
        return parse_signed_time(value, &publisher->ntp_offset_ns);
    }
    publisher->screen_share = strcmp(key, "screen-share") == 0 && value == NULL;
    return publisher->screen_share;
}

bool room_options_publisher(const char *text, EmbeddedPublisher *ret_publisher, GError **error)
{
    EmbeddedPublisher publisher = {.video_codec = CODEC_H264, .audio_codec = CODEC_OPUS};
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    if (words[0] == NULL || words[0][0] == '\0') {
        return fail(error, text, "it must begin with the identity");
    }
    for (unsigned i = 1; words[i] != NULL; i++) {
        char *const equals = strchr(words[i], '=');
        if (equals != NULL) {
            *equals = '\0';
        }
        if (!parse_key(words[i], equals != NULL ? equals + 1 : NULL, &publisher)) {
            return fail(error, text, "one of its keys or values does not fit");
        }
    }
    publisher.identity = g_strdup(words[0]);
    *ret_publisher = publisher;
    return true;
}

char *room_options_help(void)
{
    GString *const text = g_string_new(
        "A publisher is IDENTITY[,KEY[=VALUE]]..., for example "
        "\"alice,video=vp8,size=1280x720,start=2s\":\n"
        "  video=h264|vp8|vp9|av1|h265|none  its camera's codec (h264)\n"
        "  audio=opus|none                   its microphone (opus)\n"
        "  size=WxH fps=N bitrate=BITS       its picture (640x360, 30, 600000)\n"
        "  keyframes=TIME                    a key frame that often (only on request)\n"
        "  start=TIME leave=TIME             when it joins and leaves\n"
        "  video-delay=TIME                  its camera comes that much after its microphone\n"
        "  muted[=video|audio|both]          joins muted\n"
        "  screen-share                      shares a screen instead of camera and microphone\n"
        "  drift=PPM ntp-offset=TIME         what its clocks are off by\n\n"
        "A fault is NAME[=VALUE][:TARGET][@START[+DURATION]], where TARGET is video, audio, an\n"
        "identity or IDENTITY/video; the clock starts when the first subscriber joins:\n");
    for (int i = 0; i < FAULT_COUNT; i++) {
        const FaultCatalogEntry *const entry = &fault_catalog()[i];
        g_autofree char *usage = g_strconcat(entry->name, fault_value_example(entry->value), NULL);
        g_string_append_printf(text, "  %-26s %s\n", usage, entry->help);
    }
    return g_string_free(text, FALSE);
}

typedef struct {
    int port;
    char *api_key, *api_secret, *room_name, *duration;
    char **publishers, **faults;
    int seed;
    gboolean stats, empty, load;
} RawOptions;

static void raw_clear(RawOptions *raw)
{
    g_free(raw->api_key);
    g_free(raw->api_secret);
    g_free(raw->room_name);
    g_free(raw->duration);
    g_strfreev(raw->publishers);
    g_strfreev(raw->faults);
}

static bool parse_flags(int argc, char **argv, RawOptions *raw, GError **error)
{
    /* FILENAME: as it was given; the rest would depend on the locale. */
    const GOptionEntry entries[] = {
        {"port", 'p', 0, G_OPTION_ARG_INT, &raw->port,
         "Listen on that port of 127.0.0.1 (default: a free one)", "PORT"},
        {"room", 'r', 0, G_OPTION_ARG_FILENAME, &raw->room_name, "Name of the room (demo)", "NAME"},
        {"api-key", 0, 0, G_OPTION_ARG_STRING, &raw->api_key, "API key (devkey)", "KEY"},
        {"api-secret", 0, 0, G_OPTION_ARG_STRING, &raw->api_secret,
         "API secret (default: a random one, printed)", "SECRET"},
        {"publisher", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &raw->publishers,
         "A synthetic publisher; may be given often (default: alice)", "TEXT"},
        {"empty", 0, 0, G_OPTION_ARG_NONE, &raw->empty, "No publisher at all", NULL},
        {"fault", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &raw->faults,
         "Something that goes wrong; may be given often", "TEXT"},
        {"load", 0, 0, G_OPTION_ARG_NONE, &raw->load,
         "Send four seconds of ready-made media over and over to many subscribers, in rooms of "
         "any name",
         NULL},
        {"seed", 0, 0, G_OPTION_ARG_INT, &raw->seed, "Seed of losses and jitter (1)", "NUMBER"},
        {"duration", 0, 0, G_OPTION_ARG_STRING, &raw->duration, "End after that long", "TIME"},
        {"stats", 0, 0, G_OPTION_ARG_NONE, &raw->stats,
         "Print the counters as a JSON line at the end; SIGUSR1 does so at once", NULL},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
    };
    g_set_prgname("roomtape room");
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autofree char *help = room_options_help();
    g_option_context_set_summary(
        context, "Runs a small LiveKit-compatible room with synthetic publishers on 127.0.0.1.");
    g_option_context_set_description(context, help);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, error)) {
        return false;
    }
    if (argc > 1) {
        g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_CONFIG,
                    "\"%s\" is not a flag of the room; see --help.", argv[1]);
        return false;
    }
    return true;
}

static bool take_publishers(RoomOptions *options, const RawOptions *raw, GError **error)
{
    static char *defaults[] = {(char *)"alice", NULL};
    static char *nobody[] = {NULL};
    char **texts = raw->publishers != NULL ? raw->publishers : defaults;
    if (raw->empty) {
        texts = nobody;
    }
    unsigned *const count = &options->config.publisher_count;
    for (; texts[*count] != NULL; (*count)++) {
        if (*count == EMBEDDED_ROOM_MAX_PUBLISHERS) {
            return fail(error, texts[*count], "there are too many of them");
        }
        if (!room_options_publisher(texts[*count], &options->publishers[*count], error)) {
            return false;
        }
    }
    options->config.publishers = options->publishers;
    return true;
}

static bool take_values(RoomOptions *options, const RawOptions *raw, GError **error)
{
    if (raw->port < 0 || raw->port > 65535) {
        g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_CONFIG,
                    "%d is no port; it must be between 0 and 65535.", raw->port);
        return false;
    }
    if (raw->duration != NULL && !fault_parse_time(raw->duration, &options->duration_ns)) {
        g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_CONFIG,
                    "The duration \"%s\" is no time like 30s or 500ms.", raw->duration);
        return false;
    }
    if (raw->load && raw->faults != NULL) {
        g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_CONFIG,
                    "With --load nothing goes wrong: leave out --fault \"%s\".", raw->faults[0]);
        return false;
    }
    options->config.port = (unsigned)raw->port;
    options->config.random_seed = (uint32_t)raw->seed;
    options->stats = raw->stats;
    options->config.is_load = raw->load;
    return true;
}

RoomOptions *room_options_parse(int argc, char **argv, GError **error)
{
    RawOptions raw = {0};
    g_autoptr(RoomOptions) options = g_new0(RoomOptions, 1);
    const bool is_good = parse_flags(argc, argv, &raw, error) &&
                         take_values(options, &raw, error) && take_publishers(options, &raw, error);
    options->api_key = g_steal_pointer(&raw.api_key);
    options->api_secret = g_steal_pointer(&raw.api_secret);
    options->room_name = g_steal_pointer(&raw.room_name);
    options->faults = g_steal_pointer(&raw.faults);
    options->config.api_key = options->api_key;
    options->config.api_secret = options->api_secret;
    options->config.room_name = options->room_name;
    options->config.faults = (const char *const *)options->faults;
    raw_clear(&raw);
    return is_good ? g_steal_pointer(&options) : NULL;
}

void room_options_free(RoomOptions *options)
{
    if (options == NULL) {
        return;
    }
    for (unsigned i = 0; i < EMBEDDED_ROOM_MAX_PUBLISHERS; i++) {
        g_free((char *)options->publishers[i].identity);
    }
    g_strfreev(options->faults);
    g_free(options->api_key);
    g_free(options->api_secret);
    g_free(options->room_name);
    g_free(options);
}
