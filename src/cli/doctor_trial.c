#include "cli/doctor_trial.h"

#include <errno.h>
#include <glib/gstdio.h>

#include "base/clock.h"
#include "recorder/recording_service.h"

#define TRIAL_NS (2 * NS_PER_SECOND)
#define PUBLISHER_WAIT_NS (3 * NS_PER_SECOND)
#define DEFAULT_ROOM "roomtape-doctor"

typedef struct {
    DoctorReport *report;
    GMainLoop *loop;
    bool has_ended;
} Trial;

static bool is_failed(const RecordingStatus *status, DoctorStep step)
{
    return status->outcome.code != CODE_NONE && doctor_step_of_code(status->outcome.code) == step;
}

/* A step that went well, the one that failed, or one that was not come to. */
static void report_reached(DoctorReport *report, DoctorStep step, const RecordingStatus *status,
                           bool is_reached, const char *sentence)
{
    if (is_reached)
        doctor_report_step(report, step, STEP_OK, CODE_NONE, "%s", sentence);
    else if (is_failed(status, step))
        doctor_report_step(report, step, STEP_FAILED, status->outcome.code, "%s",
                           status->outcome.sentence);
    else
        doctor_report_step(report, step, STEP_SKIPPED, CODE_NONE,
                           "Not reached: a step before it failed.");
}

static void report_transport(DoctorReport *report, const RecordingStatus *status)
{
    char join[128];
    g_snprintf(join, sizeof join, "Joined the room on livekit-server %s.", status->server_version);
    report_reached(report, STEP_JOIN, status, status->room_sid[0] != '\0', join);

    g_autofree char *pair = g_strdup_printf("Connected: %s.", status->transport_pair);
    report_reached(report, STEP_ICE, status, status->transport_pair[0] != '\0', pair);

    g_autofree char *profile = g_strdup_printf("Media is encrypted with %s.", status->srtp_profile);
    report_reached(report, STEP_DTLS, status, status->srtp_profile[0] != '\0', profile);
}

static char *track_list(const RecordingStatus *status)
{
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < status->track_count && text->len < 300; i++) {
        const TrackStatus *track = &status->tracks[i];
        g_string_append_printf(text, "%s%.40s %s %s %" G_GUINT64_FORMAT " frames",
                               i > 0 ? ", " : "", track->identity, track_source_name(track->source),
                               codec_name(track->codec), track->frames_written);
    }
    return g_string_free(text, FALSE);
}

static void report_tracks(DoctorReport *report, const RecordingStatus *status)
{
    const OutcomeCode code = status->outcome.code;
    if (code == CODE_NO_PARTICIPANT || code == CODE_NO_TRACK_PUBLISHED) {
        doctor_report_step(report, STEP_TRACKS, STEP_SKIPPED, code,
                           "Nobody publishes in the room now: start a camera or a microphone "
                           "there and run this again.");
        return;
    }
    g_autofree char *tracks = track_list(status);
    report_reached(report, STEP_TRACKS, status, code == CODE_NONE, tracks);
}

static void on_stopped(void *owner, const RecordingStatus *status)
{
    Trial *trial = owner;
    trial->has_ended = true;
    if (status != NULL) {
        report_transport(trial->report, status);
        report_tracks(trial->report, status);
    }
    g_main_loop_quit(trial->loop);
}

static RecordingRequest *trial_request(const char *token, const char *room, const char *directory)
{
    RecordingRequest *request = recording_request_new();
    request->token = g_strdup(token);
    request->room = g_strdup(room != NULL || token != NULL ? room : DEFAULT_ROOM);
    request->directory = g_strdup(directory);
    request->output_template = g_strdup("{publisher_identity}-{track_id}");
    request->max_duration_ns = TRIAL_NS;
    request->publisher_wait_ns = PUBLISHER_WAIT_NS;
    return request;
}

static void run_in(DoctorReport *report, const Config *config, const RecordingRequest *request)
{
    Trial trial = {.report = report, .loop = g_main_loop_new(NULL, FALSE)};
    Outcome refusal;
    WebRTCRecordingService *service = recording_service_new(config, false, &refusal);
    const char *mint_id =
        service != NULL ? recording_service_start(service, request, &refusal) : NULL;
    if (mint_id == NULL) {
        doctor_report_step(report, STEP_JOIN, STEP_FAILED, refusal.code, "%s", refusal.sentence);
    } else {
        recording_service_watch_stop(service, mint_id, on_stopped, &trial);
        g_main_loop_run(trial.loop);
    }
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    recording_service_free(service);
    g_main_loop_unref(trial.loop);
}

static void remove_folder(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_unlink(file);
    }
    g_rmdir(path);
}

void doctor_run_trial(DoctorReport *report, const Config *config, const char *token,
                      const char *room, const char *directory)
{
    g_autofree char *folder = g_build_filename(directory, ".roomtape-doctor-XXXXXX", NULL);
    if (g_mkdtemp(folder) == NULL) {
        doctor_report_step(report, STEP_DISK, STEP_FAILED, CODE_WRITE_FAILED,
                           "No folder can be made in %.200s: %s.", directory, g_strerror(errno));
        return;
    }
    RecordingRequest *request = trial_request(token, room, folder);
    run_in(report, config, request);
    recording_request_free(request);
    remove_folder(folder);
}
