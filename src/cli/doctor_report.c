#include "cli/doctor_report.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/print_json.h"

#define EXIT_FAILED 1

static const char *const step_names[STEP_COUNT] = {
    [STEP_DNS] = "dns",     [STEP_TCP] = "tcp",       [STEP_TLS] = "tls",
    [STEP_TOKEN] = "token", [STEP_JOIN] = "join",     [STEP_ICE] = "ice",
    [STEP_DTLS] = "dtls",   [STEP_TRACKS] = "tracks", [STEP_DISK] = "disk",
};

const char *doctor_step_name(DoctorStep step)
{
    return step_names[step];
}

const char *doctor_state_name(DoctorState state)
{
    switch (state) {
    case STEP_SKIPPED:
        return "skipped";
    case STEP_OK:
        return "ok";
    case STEP_FAILED:
        break;
    }
    return "failed";
}

DoctorStep doctor_step_of_code(OutcomeCode code)
{
    switch (code) {
    case CODE_BAD_REQUEST:
    case CODE_UNAUTHORIZED:
    case CODE_TOKEN_EXPIRED:
    case CODE_NOT_FOUND:
    case CODE_NO_SUCH_ROOM:
    case CODE_ALREADY_ACTIVE:
    case CODE_DUPLICATE_IDENTITY:
    case CODE_SERVER_UNREACHABLE:
    case CODE_SERVER_FULL:
    case CODE_TLS_ERROR:
    case CODE_RECONNECT_FAILED:
    case CODE_REMOVED_FROM_ROOM:
    case CODE_NO_CAPACITY:
        return STEP_JOIN;
    case CODE_ICE_FAILED:
        return STEP_ICE;
    case CODE_DTLS_FAILED:
        return STEP_DTLS;
    case CODE_OUTPUT_EXISTS:
    case CODE_DISK_FULL:
    case CODE_WRITE_FAILED:
    case CODE_UPLOAD_FAILED:
        return STEP_DISK;
    case CODE_NONE:
    case CODE_CODEC_UNSUPPORTED:
    case CODE_NO_PARTICIPANT:
    case CODE_NO_TRACK_PUBLISHED:
    case CODE_SUBSCRIPTION_DENIED:
    case CODE_SUBSCRIPTION_TIMEOUT:
    case CODE_ENCRYPTED_NO_KEY:
    case CODE_NO_RTP:
    case CODE_RTP_BUT_NO_KEYFRAME:
    case CODE_MUTED_ALL_TIME:
    case CODE_STALLED:
    case CODE_ENCODER_FAILED:
    case CODE_ENCODER_BEHIND:
    case CODE_CANCELLED:
    case CODE_INTERRUPTED:
    case CODE_WRONG_STATE:
    case CODE_FORBIDDEN:
    case CODE_TOO_MANY_REQUESTS:
    case CODE_COUNT:
        break;
    }
    return STEP_TRACKS;
}

static void print_step(const DoctorReport *report, DoctorStep step)
{
    const DoctorState state = report->steps[step].state;
    const OutcomeCode code = report->steps[step].code;
    if (!report->wants_json) {
        const bool has_code = state == STEP_FAILED && code != CODE_NONE;
        printf("%-7s  %-8s %s%s%s\n", doctor_step_name(step), doctor_state_name(state),
               has_code ? outcome_code_name(code) : "", has_code ? ": " : "",
               report->steps[step].sentence);
        fflush(stdout);
        return;
    }
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "step", doctor_step_name(step));
    json_object_set_string_member(object, "state", doctor_state_name(state));
    if (code != CODE_NONE)
        json_object_set_string_member(object, "code", outcome_code_name(code));
    g_autofree char *sentence = g_utf8_make_valid(report->steps[step].sentence, -1);
    json_object_set_string_member(object, "why", sentence);
    print_json(object);
}

void doctor_report_step(DoctorReport *report, DoctorStep step, DoctorState state, OutcomeCode code,
                        const char *format, ...)
{
    report->steps[step].state = state;
    report->steps[step].code = code;
    va_list arguments;
    va_start(arguments, format);
    g_vsnprintf(report->steps[step].sentence, OUTCOME_SENTENCE_MAX, format, arguments);
    va_end(arguments);
    print_step(report, step);
}

int doctor_report_exit_status(const DoctorReport *report)
{
    for (unsigned i = 0; i < STEP_COUNT; i++) {
        if (report->steps[i].state != STEP_FAILED)
            continue;
        const int status = outcome_code_exit_status(report->steps[i].code);
        return status != 0 ? status : EXIT_FAILED;
    }
    return 0;
}
