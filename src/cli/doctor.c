#include "cli/commands.h"
#include "cli/doctor_server.h"
#include "cli/doctor_trial.h"
#include "cli/settings.h"

#define TOKEN_VARIABLE "LIVEKIT_TOKEN"

static const Flag doctor_flags[] = {
    {"room", "NAME", NULL, "the room to try (or the token's, or one of its own)"},
    {"token", "TOKEN", NULL, "a ready-made access token instead of a key\n(or LIVEKIT_TOKEN)"},
    {"output-dir", "DIR", "output.dir", "the folder that recordings will be written to"},
    {"json", NULL, NULL, "one JSON object a step on standard output"},
};

static const FlagGroup doctor_group = {
    .title = "Trial",
    .flags = doctor_flags,
    .count = G_N_ELEMENTS(doctor_flags),
};

static const FlagTable doctor_table = {
    .name = "doctor",
    .usage = "roomtape doctor --url URL [--room NAME] [FLAG]...",
    .summary = "Goes the way into a room step by step and says which step works and which does\n"
               "not, and why: dns, tcp, tls, token, disk, join, ice, dtls, tracks.",
    .notes =
        "It records for two seconds and removes the files again. The exit status is 0 when no\n"
        "step failed, else that of the first failure's code.",
    .groups = {&doctor_group, &connection_flags, &general_flags},
};

static void skip(DoctorReport *report, DoctorStep first, DoctorStep last)
{
    for (unsigned step = first; step <= last; step++)
        doctor_report_step(report, (DoctorStep)step, STEP_SKIPPED, CODE_NONE,
                           "A step before it failed.");
}

static bool check_server(DoctorReport *report, const ServerUrl *url, const char *ca_file)
{
    if (!doctor_check_dns(report, url)) {
        skip(report, STEP_TCP, STEP_TLS);
        return false;
    }
    const bool is_connected = doctor_check_connection(report, url, ca_file);
    if (report->steps[STEP_TCP].state == STEP_FAILED)
        skip(report, STEP_TLS, STEP_TLS);
    return is_connected;
}

static int run_steps(DoctorReport *report, const Flags *flags, const Config *config,
                     const ServerUrl *url)
{
    const bool has_key = flags_has(flags, "api-key") || flags_has(flags, "api-secret");
    const char *token = flags_text(flags, "token");
    if (token == NULL && !has_key)
        token = g_getenv(TOKEN_VARIABLE);
    if (token != NULL && token[0] == '\0')
        token = NULL;
    const char *room = flags_text(flags, "room");

    const bool has_server = check_server(report, url, config->ca_file);
    const bool has_token = doctor_check_token(report, config, token, room);
    const bool has_disk = doctor_check_disk(report, config->output_dir);
    if (has_server && has_token && has_disk)
        doctor_run_trial(report, config, token, room, config->output_dir);
    else
        skip(report, STEP_JOIN, STEP_TRACKS);
    return doctor_report_exit_status(report);
}

static int run_doctor(const Flags *flags)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = settings_load(flags, LOG_NONE, &error);
    if (config == NULL)
        return cli_usage_error(error->message);
    if (config->url == NULL)
        return cli_usage_error("Which server? Give --url URL, or LIVEKIT_URL, such as "
                               "ws://127.0.0.1:7880.");
    g_autoptr(ServerUrl) url = server_url_parse(config->url, &error);
    if (url == NULL)
        return cli_usage_error(error->message);
    g_autofree DoctorReport *report = g_new0(DoctorReport, 1);
    report->wants_json = flags_has(flags, "json");
    return run_steps(report, flags, config, url);
}

const Command doctor_command = {&doctor_table, run_doctor};
