#include "room/fault_script.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

#define FAULT_TEXT_MAX 256

static const FaultCatalogEntry CATALOG[FAULT_COUNT] = {
    [FAULT_LOSS] = {"loss", FAULT_VALUE_PERCENT, "loses that share of the packets"},
    [FAULT_BURST] = {"burst", FAULT_VALUE_COUNT, "loses that many packets in a row, once"},
    [FAULT_REORDER] = {"reorder", FAULT_VALUE_TIME, "holds every tenth packet back that long"},
    [FAULT_DUPLICATE] = {"duplicate", FAULT_VALUE_PERCENT, "sends that share of packets twice"},
    [FAULT_JITTER] = {"jitter", FAULT_VALUE_TIME, "delays each packet by up to that long"},
    [FAULT_MALFORMED_RTP] = {"malformed-rtp", FAULT_VALUE_PERCENT,
                             "adds that share of broken RTP packets of foreign sources and types"},
    [FAULT_MALFORMED_PAYLOAD] = {"malformed-payload", FAULT_VALUE_PERCENT,
                                 "overwrites the payload of that share of packets with ones"},
    [FAULT_MALFORMED_RTCP] = {"malformed-rtcp", FAULT_VALUE_PERCENT,
                              "adds that share (of RTP packets) of broken RTCP packets"},
    [FAULT_MALFORMED_DATAGRAM] = {"malformed-datagram", FAULT_VALUE_PERCENT,
                                  "adds that share of random datagrams from a foreign port"},
    [FAULT_NO_RETRANSMISSION] = {"no-retransmission", FAULT_VALUE_NONE, "answers no NACK"},
    [FAULT_NO_SENDER_REPORT] = {"no-sender-report", FAULT_VALUE_NONE, "sends no sender reports"},
    [FAULT_WRAP] = {"wrap", FAULT_VALUE_TIME,
                    "new tracks begin that long before their RTP timestamp wraps, and shortly "
                    "before their sequence number does"},
    [FAULT_HUGE_EXTENSION] = {"huge-extension", FAULT_VALUE_PERCENT,
                              "adds that share of RTP packets with 64 kB of header extension"},
    [FAULT_TIMESTAMP_JUMP] = {"timestamp-jump", FAULT_VALUE_SHIFT,
                              "moves the RTP timestamps by so much, also those of reports"},
    [FAULT_ABSURD_SENDER_REPORT] = {"absurd-sender-report", FAULT_VALUE_PERCENT,
                                    "makes nonsense of that share of the sender reports"},
    [FAULT_DELAY] = {"delay", FAULT_VALUE_TIME,
                     "delays all packets and all feedback that long: half of a round trip"},
    [FAULT_FEEDBACK_LOSS] = {"feedback-loss", FAULT_VALUE_PERCENT,
                             "loses that share of the subscriber's RTCP"},
    [FAULT_RATE] = {"rate", FAULT_VALUE_COUNT,
                    "lets so many kbit/s through, behind a queue of 64 kB"},
    [FAULT_REPEATS] =
        {"repeats", FAULT_VALUE_COUNT,
         "sends a packet again that often, instead of three times as the server does"},
    [FAULT_STALL] = {"stall", FAULT_VALUE_NONE, "sends no packets of the track"},
    [FAULT_NO_MEDIA] = {"no-media", FAULT_VALUE_NONE,
                        "the track is published and subscribed, and nothing is sent"},
    [FAULT_NO_KEYFRAME] = {"no-keyframe", FAULT_VALUE_NONE, "never sends a key frame"},
    [FAULT_MUTE] = {"mute", FAULT_VALUE_NONE, "mutes the track, and unmutes it after DURATION"},
    [FAULT_UNMUTE] = {"unmute", FAULT_VALUE_NONE, "unmutes a track that was muted at join"},
    [FAULT_PAUSE] = {"pause", FAULT_VALUE_NONE,
                     "the server pauses the stream and resumes it after DURATION"},
    [FAULT_REPUBLISH] = {"republish", FAULT_VALUE_NONE,
                         "unpublishes the track and publishes it again under a new sid"},
    [FAULT_UNPUBLISH] = {"unpublish", FAULT_VALUE_NONE,
                         "unpublishes the track, and publishes it again after DURATION"},
    [FAULT_LEAVE] = {"leave", FAULT_VALUE_NONE,
                     "the publisher leaves, and comes back after DURATION"},
    [FAULT_CODEC_CHANGE] = {"codec-change", FAULT_VALUE_CODEC,
                            "goes on in another codec under the same SSRC"},
    [FAULT_RESIZE] = {"resize", FAULT_VALUE_SIZE, "goes on in another picture size"},
    [FAULT_NO_TRACK] = {"no-track", FAULT_VALUE_NONE, "the publisher publishes nothing"},
    [FAULT_NO_SIZE] = {"no-size", FAULT_VALUE_NONE, "pictures are announced without a size"},
    [FAULT_SSRC_CHANGE] = {"ssrc-change", FAULT_VALUE_NONE,
                           "goes on under another SSRC, sequence number and timestamp, as a new "
                           "offer says"},
    [FAULT_ENCRYPTED] = {"encrypted", FAULT_VALUE_NONE, "tracks say that they are encrypted"},
    [FAULT_DENY] = {"deny", FAULT_VALUE_NONE, "subscriptions are not permitted"},
    [FAULT_NO_SUBSCRIBE_ANSWER] = {"no-subscribe-answer", FAULT_VALUE_NONE,
                                   "subscriptions are never answered"},
    [FAULT_SUBSCRIPTION_ERROR] = {"subscription-error", FAULT_VALUE_NUMBER,
                                  "answers subscriptions with that SubscriptionError"},
    [FAULT_MALFORMED_SIGNAL] = {"malformed-signal", FAULT_VALUE_COUNT,
                                "sends that many broken frames of each sort (cut, random, text)"},
    [FAULT_BAD_OFFER] = {"bad-offer", FAULT_VALUE_NONE,
                         "sends an unusable offer in front of the first good one"},
    [FAULT_NO_JOIN] = {"no-join", FAULT_VALUE_NONE, "opens the socket and never says anything"},
    [FAULT_SLOW_JOIN] = {"slow-join", FAULT_VALUE_TIME, "waits that long before the join answer"},
    [FAULT_CLOSE_SOCKET] = {"close-socket", FAULT_VALUE_NONE, "drops the signalling socket"},
    [FAULT_LEAVE_MESSAGE] = {"leave-message", FAULT_VALUE_LEAVE,
                             "sends a leave with that action and reason, then closes"},
    [FAULT_REFUSE_RESUME] = {"refuse-resume", FAULT_VALUE_NONE,
                             "answers a resume with a leave: join anew"},
    [FAULT_FORGET_SESSION] = {"forget-session", FAULT_VALUE_NONE, "answers a resume with a join"},
    [FAULT_MOVE] = {"move", FAULT_VALUE_NONE,
                    "moves subscribers, and everybody with them, to the room NAME-moved"},
    [FAULT_FULL] = {"full", FAULT_VALUE_NONE, "refuses joins with 503"},
    [FAULT_EXPIRE] = {"expire", FAULT_VALUE_NONE, "refuses joins as if the token were too old"},
    [FAULT_NO_ROOM] = {"no-room", FAULT_VALUE_NONE, "refuses joins with 404: no such room"},
    [FAULT_WRONG_FINGERPRINT] = {"wrong-fingerprint", FAULT_VALUE_NONE,
                                 "the offer carries another certificate's fingerprint"},
    [FAULT_DEAD_CANDIDATES] = {"dead-candidates", FAULT_VALUE_NONE,
                               "the offer names an address where nobody answers"},
};

const FaultCatalogEntry *fault_catalog(void)
{
    return CATALOG;
}

const char *fault_value_example(FaultValue value)
{
    switch (value) {
    case FAULT_VALUE_NONE:
        return "";
    case FAULT_VALUE_PERCENT:
        return "=5%";
    case FAULT_VALUE_COUNT:
        return "=20";
    case FAULT_VALUE_TIME:
        return "=50ms";
    case FAULT_VALUE_SHIFT:
        return "=-300ms";
    case FAULT_VALUE_CODEC:
        return "=vp8";
    case FAULT_VALUE_SIZE:
        return "=320x180";
    case FAULT_VALUE_LEAVE:
        return "=disconnect,room_deleted";
    case FAULT_VALUE_NUMBER:
        return "=1";
    }
    return "";
}

bool fault_parse_time(const char *text, int64_t *ret_ns)
{
    char *end = NULL;
    const double number = strtod(text, &end);
    if (end == text || !isfinite(number) || number < 0.0) {
        return false;
    }
    double unit = (double)NS_PER_SECOND;
    if (strcmp(end, "ms") == 0) {
        unit = (double)NS_PER_MS;
    } else if (*end != '\0' && strcmp(end, "s") != 0) {
        return false;
    }
    if (number * unit > 1e18) {
        return false;
    }
    *ret_ns = (int64_t)llround(number * unit);
    return true;
}

static bool parse_shift(const char *text, int64_t *ret_ns)
{
    const bool is_back = text[0] == '-';
    if (!fault_parse_time(is_back ? text + 1 : text, ret_ns)) {
        return false;
    }
    *ret_ns = is_back ? -*ret_ns : *ret_ns;
    return true;
}

static bool parse_unsigned(const char *text, unsigned max, unsigned *ret_number)
{
    char *end = NULL;
    errno = 0;
    const unsigned long number = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || *text == '-' || errno != 0 || number > max) {
        return false;
    }
    *ret_number = (unsigned)number;
    return true;
}

static bool parse_percent(const char *text, double *ret_percent)
{
    char *end = NULL;
    const double number = strtod(text, &end);
    if (end == text || strcmp(end, "%") != 0 || !(number >= 0.0 && number <= 100.0)) {
        return false;
    }
    *ret_percent = number;
    return true;
}

static bool parse_size(const char *text, Fault *fault)
{
    char rest = '\0';
    return sscanf(text, "%4ux%4u%c", &fault->width, &fault->height, &rest) == 2 &&
           fault->width >= 160 && fault->height >= 64 && fault->width % 2 == 0 &&
           fault->height % 2 == 0;
}

static int index_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static bool parse_leave(char *text, Fault *fault)
{
    static const char *const ACTIONS[] = {"disconnect", "resume", "reconnect"};
    static const char *const REASONS[] = {
        "unknown",         "client_initiated",    "duplicate_identity",
        "server_shutdown", "participant_removed", "room_deleted",
        "state_mismatch",  "join_failure",        "migration",
        "signal_close",    "room_closed",
    };
    char *const comma = strchr(text, ',');
    if (comma == NULL) {
        return false;
    }
    *comma = '\0';
    fault->leave_action = index_of(text, ACTIONS, 3);
    fault->leave_reason = index_of(comma + 1, REASONS, 11);
    return fault->leave_action >= 0 && fault->leave_reason >= 0;
}

static bool parse_value(char *text, Fault *fault)
{
    switch (CATALOG[fault->kind].value) {
    case FAULT_VALUE_NONE:
        return text == NULL;
    case FAULT_VALUE_PERCENT:
        return text != NULL && parse_percent(text, &fault->percent);
    case FAULT_VALUE_COUNT:
    case FAULT_VALUE_NUMBER:
        return text != NULL && parse_unsigned(text, 100000, &fault->count);
    case FAULT_VALUE_TIME:
        return text != NULL && fault_parse_time(text, &fault->time_ns);
    case FAULT_VALUE_SHIFT:
        return text != NULL && parse_shift(text, &fault->time_ns);
    case FAULT_VALUE_CODEC:
        fault->codec = text != NULL ? codec_from_name(text) : CODEC_UNKNOWN;
        return fault->codec != CODEC_UNKNOWN && codec_kind(fault->codec) == TRACK_VIDEO;
    case FAULT_VALUE_SIZE:
        return text != NULL && parse_size(text, fault);
    case FAULT_VALUE_LEAVE:
        return text != NULL && parse_leave(text, fault);
    }
    return false;
}

static bool parse_kind(const char *name, FaultKind *ret_kind)
{
    for (int i = 0; i < FAULT_COUNT; i++) {
        if (strcmp(name, CATALOG[i].name) == 0) {
            *ret_kind = (FaultKind)i;
            return true;
        }
    }
    return false;
}

static bool parse_track_kind(const char *name, Fault *fault)
{
    if (strcmp(name, "video") != 0 && strcmp(name, "audio") != 0) {
        return false;
    }
    fault->has_track_kind = true;
    fault->track_kind = name[0] == 'v' ? TRACK_VIDEO : TRACK_AUDIO;
    return true;
}

static bool parse_target(char *text, Fault *fault)
{
    if (parse_track_kind(text, fault)) {
        return true;
    }
    char *const slash = strrchr(text, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (!parse_track_kind(slash + 1, fault)) {
            return false;
        }
    }
    const size_t size = strlen(text);
    if (size == 0 || size >= FAULT_IDENTITY_MAX) {
        return false;
    }
    memcpy(fault->identity, text, size + 1);
    return true;
}

static bool parse_when(char *text, Fault *fault)
{
    char *const plus = strchr(text, '+');
    int64_t length_ns = 0;
    if (plus != NULL) {
        *plus = '\0';
        if (!fault_parse_time(plus + 1, &length_ns)) {
            return false;
        }
    }
    if (!fault_parse_time(text, &fault->start_ns)) {
        return false;
    }
    if (plus != NULL) {
        fault->end_ns = fault->start_ns + length_ns;
    }
    return true;
}

/* Cuts `text` at the last `mark` and returns what stood behind it. */
static char *cut(char *text, char mark)
{
    char *const at = strrchr(text, mark);
    if (at == NULL) {
        return NULL;
    }
    *at = '\0';
    return at + 1;
}

bool fault_parse(const char *text, Fault *ret_fault, char *ret_error, size_t error_size)
{
    char buffer[FAULT_TEXT_MAX];
    Fault fault = {.end_ns = CLOCK_NEVER};
    const char *what = NULL;
    if (strlen(text) >= sizeof buffer) {
        snprintf(ret_error, error_size, "A fault may have at most %d characters.",
                 FAULT_TEXT_MAX - 1);
        return false;
    }
    memcpy(buffer, text, strlen(text) + 1);
    char *const when = cut(buffer, '@');
    char *const target = cut(buffer, ':');
    char *const value = cut(buffer, '=');
    if (!parse_kind(buffer, &fault.kind)) {
        what = "its name is not known";
    } else if (!parse_value(value, &fault)) {
        what = "its value does not fit";
    } else if (target != NULL && !parse_target(target, &fault)) {
        what = "its target is no identity, video, audio or IDENTITY/KIND";
    } else if (when != NULL && !parse_when(when, &fault)) {
        what = "its time is not START or START+DURATION, like 2s+500ms";
    }
    if (what != NULL) {
        snprintf(ret_error, error_size, "The fault \"%s\" is not understood: %s.", text, what);
        return false;
    }
    *ret_fault = fault;
    return true;
}

bool fault_targets(const Fault *fault, const char *identity, TrackKind kind)
{
    if (fault->identity[0] != '\0' &&
        (identity == NULL || strcmp(fault->identity, identity) != 0)) {
        return false;
    }
    return !fault->has_track_kind || fault->track_kind == kind;
}

bool fault_is_active(const Fault *fault, int64_t now_ns)
{
    return now_ns >= fault->start_ns && now_ns < fault->end_ns;
}

const Fault *fault_script_find(const FaultScript *script, FaultKind kind, int64_t now_ns)
{
    for (unsigned i = 0; i < script->count; i++) {
        const Fault *const fault = &script->faults[i];
        if (fault->kind == kind && fault_is_active(fault, now_ns)) {
            return fault;
        }
    }
    return NULL;
}

const Fault *fault_script_find_for(const FaultScript *script, FaultKind kind, const char *identity,
                                   TrackKind track_kind, int64_t now_ns)
{
    for (unsigned i = 0; i < script->count; i++) {
        const Fault *const fault = &script->faults[i];
        if (fault->kind == kind && fault_is_active(fault, now_ns) &&
            fault_targets(fault, identity, track_kind)) {
            return fault;
        }
    }
    return NULL;
}
