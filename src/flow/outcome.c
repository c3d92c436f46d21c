#include "flow/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

typedef struct {
    const char *name;
    int http_status;
} CodeRow;

static const CodeRow codes[CODE_COUNT] = {
    [CODE_NONE] = {"", 200},
    [CODE_BAD_REQUEST] = {"bad_request", 400},
    [CODE_CODEC_UNSUPPORTED] = {"codec_unsupported", 400},
    [CODE_UNAUTHORIZED] = {"unauthorized", 401},
    [CODE_TOKEN_EXPIRED] = {"token_expired", 401},
    [CODE_NOT_FOUND] = {"not_found", 404},
    [CODE_NO_SUCH_ROOM] = {"no_such_room", 404},
    [CODE_ALREADY_ACTIVE] = {"already_active", 409},
    [CODE_OUTPUT_EXISTS] = {"output_exists", 409},
    [CODE_DUPLICATE_IDENTITY] = {"duplicate_identity", 503},
    [CODE_SERVER_UNREACHABLE] = {"server_unreachable", 503},
    [CODE_SERVER_FULL] = {"server_full", 503},
    [CODE_TLS_ERROR] = {"tls_error", 503},
    [CODE_ICE_FAILED] = {"ice_failed", 503},
    [CODE_DTLS_FAILED] = {"dtls_failed", 503},
    [CODE_NO_PARTICIPANT] = {"no_participant", 503},
    [CODE_NO_TRACK_PUBLISHED] = {"no_track_published", 503},
    [CODE_SUBSCRIPTION_DENIED] = {"subscription_denied", 503},
    [CODE_SUBSCRIPTION_TIMEOUT] = {"subscription_timeout", 503},
    [CODE_ENCRYPTED_NO_KEY] = {"encrypted_no_key", 503},
    [CODE_NO_RTP] = {"no_rtp", 503},
    [CODE_RTP_BUT_NO_KEYFRAME] = {"rtp_but_no_keyframe", 503},
    [CODE_MUTED_ALL_TIME] = {"muted_all_time", 503},
    [CODE_STALLED] = {"stalled", 503},
    [CODE_RECONNECT_FAILED] = {"reconnect_failed", 503},
    [CODE_ENCODER_FAILED] = {"encoder_failed", 503},
    [CODE_ENCODER_BEHIND] = {"encoder_behind", 503},
    [CODE_DISK_FULL] = {"disk_full", 503},
    [CODE_WRITE_FAILED] = {"write_failed", 503},
    [CODE_UPLOAD_FAILED] = {"upload_failed", 503},
    [CODE_REMOVED_FROM_ROOM] = {"removed_from_room", 503},
    [CODE_CANCELLED] = {"cancelled", 503},
    [CODE_NO_CAPACITY] = {"no_capacity", 503},
    [CODE_INTERRUPTED] = {"interrupted", 503},
    [CODE_WRONG_STATE] = {"wrong_state", 409},
    [CODE_FORBIDDEN] = {"forbidden", 403},
    [CODE_TOO_MANY_REQUESTS] = {"too_many_requests", 429},
};

const char *outcome_kind_name(OutcomeKind kind)
{
    switch (kind) {
    case OUTCOME_COMPLETE:
        return "complete";
    case OUTCOME_PARTIAL:
        return "partial";
    case OUTCOME_FAILED:
        return "failed";
    case OUTCOME_NONE:
        break;
    }
    return "";
}

const char *outcome_code_name(OutcomeCode code)
{
    return codes[code].name;
}

OutcomeCode outcome_code_from_name(const char *name)
{
    if (name == NULL)
        return CODE_NONE;
    for (OutcomeCode code = CODE_NONE + 1; code < CODE_COUNT; code++) {
        if (strcmp(name, codes[code].name) == 0)
            return code;
    }
    return CODE_NONE;
}

int outcome_code_http_status(OutcomeCode code)
{
    return codes[code].http_status;
}

int outcome_code_exit_status(OutcomeCode code)
{
    return code == CODE_NONE ? 0 : 10 + (int)code;
}

const char *end_reason_name(EndReason reason)
{
    static const char *const names[END_COUNT] = {
        [END_NONE] = "",
        [END_STOPPED] = "stopped",
        [END_DURATION] = "duration",
        [END_IDLE] = "idle",
        [END_REMOVED] = "removed",
        [END_ROOM_CLOSED] = "room_closed",
        [END_MAX_SIZE] = "max_size",
    };
    return names[reason];
}

void outcome_set(Outcome *outcome, OutcomeKind kind, OutcomeCode code, const char *format, ...)
{
    /* The old sentence may be one of the arguments, and a stranger's text may be cut anywhere. */
    char sentence[2 * OUTCOME_SENTENCE_MAX] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    text_printable(sentence, strlen(sentence), outcome->sentence, sizeof outcome->sentence);
    outcome->kind = kind;
    outcome->code = code;
}
