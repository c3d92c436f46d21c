/* Says how a recording or a track ended: a kind, a stable code and a sentence that says what to do.
 * Thread: any; values only. */
#pragma once

#include <stdbool.h>

typedef enum { OUTCOME_NONE, OUTCOME_COMPLETE, OUTCOME_PARTIAL, OUTCOME_FAILED } OutcomeKind;

typedef enum {
    CODE_NONE,
    CODE_BAD_REQUEST,
    CODE_CODEC_UNSUPPORTED,
    CODE_UNAUTHORIZED,
    CODE_TOKEN_EXPIRED,
    CODE_NOT_FOUND,
    CODE_NO_SUCH_ROOM,
    CODE_ALREADY_ACTIVE,
    CODE_OUTPUT_EXISTS,
    CODE_DUPLICATE_IDENTITY,
    CODE_SERVER_UNREACHABLE,
    CODE_SERVER_FULL,
    CODE_TLS_ERROR,
    CODE_ICE_FAILED,
    CODE_DTLS_FAILED,
    CODE_NO_PARTICIPANT,
    CODE_NO_TRACK_PUBLISHED,
    CODE_SUBSCRIPTION_DENIED,
    CODE_SUBSCRIPTION_TIMEOUT,
    CODE_ENCRYPTED_NO_KEY,
    CODE_NO_RTP,
    CODE_RTP_BUT_NO_KEYFRAME,
    CODE_MUTED_ALL_TIME,
    CODE_STALLED,
    CODE_RECONNECT_FAILED,
    CODE_ENCODER_FAILED,
    CODE_ENCODER_BEHIND,
    CODE_DISK_FULL,
    CODE_WRITE_FAILED,
    CODE_UPLOAD_FAILED,
    CODE_REMOVED_FROM_ROOM,
    CODE_CANCELLED,
    CODE_NO_CAPACITY,
    CODE_INTERRUPTED,
    CODE_WRONG_STATE,
    CODE_FORBIDDEN,
    CODE_TOO_MANY_REQUESTS,
    CODE_COUNT,
} OutcomeCode;

typedef enum {
    END_NONE,
    END_STOPPED,
    END_DURATION,
    END_ROOM_CLOSED,
    END_IDLE,
    END_REMOVED,
    END_MAX_SIZE,
    END_COUNT,
} EndReason;

#define OUTCOME_SENTENCE_MAX 512

typedef struct {
    OutcomeKind kind;
    OutcomeCode code;
    char sentence[OUTCOME_SENTENCE_MAX];
} Outcome;

const char *outcome_kind_name(OutcomeKind kind); /* "complete", ...; NONE is "" */
const char *outcome_code_name(OutcomeCode code); /* "no_rtp", ...; NONE is "" */
OutcomeCode outcome_code_from_name(const char *name);
int outcome_code_http_status(
    OutcomeCode code); /* design: 400, 401, 403, 404, 409, 429, 503; NONE 200 */
int outcome_code_exit_status(OutcomeCode code); /* 0 for NONE, else 10 + the code */
const char *end_reason_name(EndReason reason);  /* "stopped", ...; NONE is "" */

/* Sets all three; the sentence is cut at a character when it is too long. */
void outcome_set(Outcome *outcome, OutcomeKind kind, OutcomeCode code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
