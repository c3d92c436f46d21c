#include <glib-unix.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/output_flag.h"
#include "cli/record_display.h"
#include "cli/settings.h"
#include "flow/outcome.h"
#include "recorder/recording_service.h"

#define LOOK_INTERVAL_MS 100
#define EXIT_FAILED 1
#define TOKEN_VARIABLE "LIVEKIT_TOKEN"

static const Flag record_flags[] = {
    {"room", "NAME", NULL, "the room to record (or the token's)"},
    {"participant", "IDENTITY", NULL, "record this one only; may be given several times"},
    {"token", "TOKEN", NULL, "a ready-made access token instead of a key\n(or LIVEKIT_TOKEN)"},
    {"output", "PATH", NULL,
     "folder, file name or template, such as\n'rec/{room_name}/{publisher_identity}-{time}.mp4'"},
    {"format", "FORMAT", "output.format",
     "auto, mp4, webm, mkv, mpegts; h264, vp9, av1, svtav1;\nsound alone: ogg, m4a, mp3, wav"},
    {"quality", "PRESET", "output.quality",
     "low, medium, high: ceilings for size and bit rate;\nsource: nothing is encoded"},
    {"encoder", "OPTIONS", NULL,
     "how the picture is encoded, such as 'speed=fast crf=21'\n(see encoding.h264 and others)"},
    {"fallback", "source", NULL,
     "what would have to be encoded and finds no encoder free\ngoes as published, instead of "
     "ending it"},
    {"duration", "TIME", NULL, "stop after that time, such as 30s, 10m or 2h"},
    {"max-size", "SIZE", NULL, "stop before the files are larger together, such as 500MB or 1GiB"},
    {"audio-only", NULL, NULL, "leave out all video"},
    {"publisher-wait", "TIME", "timeouts.publisher_wait", "wait that long for a first publisher"},
    {"idle", "TIME", "timeouts.idle", "end after that time without any publisher"},
    {"json", NULL, NULL, "one JSON object a line on standard output"},
};

static const char record_notes[] =
    "Ctrl-C stops and finishes the file; a second one leaves at once. The exit status is 0 only\n"
    "with a playable file. Braces in a template: {room_name} {room_id} {publisher_identity}\n"
    "{track_id} {track_type} {track_source} {mint_id} {time} {utc}.";

static const FlagGroup recording_group = {
    .title = "Recording",
    .flags = record_flags,
    .count = G_N_ELEMENTS(record_flags),
};

typedef struct {
    WebRTCRecordingService *service;
    RecordDisplay *display;
    GMainLoop *loop;
    const char *mint_id;
    guint sources[4];
    bool is_stopping;
    int exit_status;
} Recording;

static bool set_token(RecordingRequest *request, const Flags *flags)
{
    const bool has_key = flags_has(flags, "api-key") || flags_has(flags, "api-secret");
    const char *token = flags_text(flags, "token");
    if (token != NULL && has_key)
        return false;
    if (token == NULL && !has_key)
        token = g_getenv(TOKEN_VARIABLE);
    if (token != NULL && token[0] != '\0')
        request->token = g_strstrip(g_strdup(token));
    return true;
}

static bool set_output(RecordingRequest *request, const Flags *flags, const Config *config,
                       GError **error)
{
    request->format = config->format;
    request->quality = config->quality;
    const char *text = flags_text(flags, "output");
    if (text == NULL)
        return true;
    OutputFlag output;
    if (!output_flag_parse(text, &output, error)) {
        g_prefix_error(error, "--output: ");
        return false;
    }
    if (request->format->container == CONTAINER_AUTO)
        request->format = format_for(output.container);
    request->directory = output.directory;
    request->output_template = output.output_template;
    return true;
}

static bool set_fallback(RecordingRequest *request, const Flags *flags, GError **error)
{
    const char *text = flags_text(flags, "fallback");
    request->falls_back = text != NULL && g_ascii_strcasecmp(text, "source") == 0;
    if (text == NULL || request->falls_back)
        return true;
    g_autofree char *shown = g_strescape(text, NULL);
    g_set_error(error, FLAGS_ERROR, 0, "--fallback can be source, not \"%.40s\".", shown);
    return false;
}

static bool set_duration(RecordingRequest *request, const Flags *flags, GError **error)
{
    const char *text = flags_text(flags, "duration");
    if (text == NULL)
        return true;
    if (config_parse_duration(text, &request->max_duration_ns) && request->max_duration_ns > 0)
        return true;
    g_autofree char *shown = g_strescape(text, NULL);
    g_set_error(error, FLAGS_ERROR, 0,
                "--duration needs a time such as 30s, 10m or 2h, not \"%.40s\".", shown);
    return false;
}

static bool set_max_size(RecordingRequest *request, const Flags *flags, GError **error)
{
    const char *text = flags_text(flags, "max-size");
    if (text == NULL || (config_parse_bytes(text, &request->max_size) &&
                         request->max_size >= RECORDING_MAX_SIZE_MIN))
        return true;
    g_autofree char *shown = g_strescape(text, NULL);
    g_set_error(error, FLAGS_ERROR, 0,
                "--max-size needs at least %d bytes, such as 500MB or 1GiB, not \"%.40s\".",
                RECORDING_MAX_SIZE_MIN, shown);
    return false;
}

static RecordingRequest *make_request(const Flags *flags, const Config *config, GError **error)
{
    g_autoptr(RecordingRequest) request = recording_request_new();
    if (!set_token(request, flags)) {
        g_set_error(error, FLAGS_ERROR, 0,
                    "Give either --token or --api-key and --api-secret, not both.");
        return NULL;
    }
    request->room = g_strdup(flags_text(flags, "room"));
    request->audio_only = flags_has(flags, "audio-only");
    request->encoder_options = g_strdup(flags_text(flags, "encoder"));
    if (flags_has(flags, "participant"))
        request->participants = g_strdupv((char **)flags_list(flags, "participant"));
    if (config->url == NULL) {
        g_set_error(error, FLAGS_ERROR, 0,
                    "Which server? Give --url URL, or LIVEKIT_URL, such as ws://127.0.0.1:7880.");
        return NULL;
    }
    if (request->room == NULL && request->token == NULL) {
        g_set_error(error, FLAGS_ERROR, 0, "Which room? Give --room NAME.");
        return NULL;
    }
    if (!set_output(request, flags, config, error) || !set_fallback(request, flags, error) ||
        !set_duration(request, flags, error) || !set_max_size(request, flags, error))
        return NULL;
    return g_steal_pointer(&request);
}

static void remove_sources(Recording *recording)
{
    for (size_t i = 0; i < G_N_ELEMENTS(recording->sources); i++) {
        if (recording->sources[i] != 0)
            g_source_remove(recording->sources[i]);
        recording->sources[i] = 0;
    }
}

static gboolean on_look(gpointer data)
{
    Recording *recording = data;
    RecordingStatus *status = recording_service_status(recording->service, recording->mint_id);
    if (status != NULL && status->state != RECORDING_STOPPED)
        record_display_update(recording->display, status);
    recording_status_free(status);
    return G_SOURCE_CONTINUE;
}

/* Afterwards signals have their usual effect again: the second one ends the program. */
static gboolean on_signal(gpointer data)
{
    Recording *recording = data;
    remove_sources(recording);
    recording->sources[0] = g_timeout_add(LOOK_INTERVAL_MS, on_look, recording);
    record_display_note(recording->display,
                        "Stopping and finishing the files; a second signal ends at once.");
    recording_service_stop(recording->service, recording->mint_id);
    return G_SOURCE_REMOVE;
}

static void on_stopped(void *owner, const RecordingStatus *status)
{
    Recording *recording = owner;
    if (status != NULL) {
        record_display_end(recording->display, status);
        recording->exit_status = outcome_code_exit_status(status->outcome.code);
        if (status->outcome.kind == OUTCOME_FAILED && recording->exit_status == 0)
            recording->exit_status = EXIT_FAILED;
    }
    g_main_loop_quit(recording->loop);
}

static int run_recording(Recording *recording, const RecordingRequest *request)
{
    Outcome refusal;
    recording->mint_id = recording_service_start(recording->service, request, &refusal);
    if (recording->mint_id == NULL) {
        record_display_refusal(recording->display, &refusal);
        return outcome_code_exit_status(refusal.code);
    }
    g_autofree char *mint_id = g_strdup(recording->mint_id);
    recording->mint_id = mint_id;
    recording->exit_status = EXIT_FAILED;
    recording->sources[0] = g_timeout_add(LOOK_INTERVAL_MS, on_look, recording);
    recording->sources[1] = g_unix_signal_add(SIGINT, on_signal, recording);
    recording->sources[2] = g_unix_signal_add(SIGTERM, on_signal, recording);
    recording->sources[3] = g_unix_signal_add(SIGHUP, on_signal, recording);
    recording_service_watch_stop(recording->service, mint_id, on_stopped, recording);
    on_look(recording);
    g_main_loop_run(recording->loop);
    remove_sources(recording);
    /* the goodbye to the server may still be on its way */
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    return recording->exit_status;
}

static int run_service(Recording *recording, const Config *config, const RecordingRequest *request)
{
    Outcome refusal;
    recording->service = recording_service_new(config, false, &refusal);
    if (recording->service == NULL) {
        record_display_refusal(recording->display, &refusal);
        return outcome_code_exit_status(refusal.code);
    }
    const int exit_status = run_recording(recording, request);
    recording_service_free(recording->service);
    return exit_status;
}

static int run_record(const Flags *flags)
{
    const DisplayMode mode = record_display_mode(flags_has(flags, "json"));
    g_autoptr(GError) error = NULL;
    /* log lines would break the live line */
    g_autoptr(Config) config =
        settings_load(flags, mode == DISPLAY_LIVE ? LOG_ERROR : LOG_INFO, &error);
    if (config == NULL)
        return cli_usage_error(error->message);
    g_autoptr(RecordingRequest) request = make_request(flags, config, &error);
    if (request == NULL)
        return cli_usage_error(error->message);
    settings_raise_file_limit();
    Recording recording = {
        .display = record_display_new(mode),
        .loop = g_main_loop_new(NULL, FALSE),
    };
    const int exit_status = run_service(&recording, config, request);
    record_display_free(recording.display);
    g_main_loop_unref(recording.loop);
    return exit_status;
}

static const FlagTable record_table = {
    .name = "record",
    .usage = "roomtape record --url URL --room NAME [FLAG]...",
    .summary = "Records a LiveKit room into files that play at every moment of their life.",
    .notes = record_notes,
    .groups = {&recording_group, &connection_flags, &general_flags},
};

const Command record_command = {&record_table, run_record};
