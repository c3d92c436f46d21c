/* Re-encodes one track between its queue and its file, on a thread of its own: decodes, brings the
 * picture or the sound into the output's form, encodes. What does not decode is passed over and
 * counted. A queue that is full drops its oldest frames up to a key frame, so that an encoder which
 * is too slow loses whole stretches and never the references of what follows.
 * Thread: main makes, ends and frees; events arrive through the mailbox given. */
#pragma once

#include "base/mailbox.h"
#include "encode/picture_fitter.h"
#include "flow/bounded_queue.h"
#include "flow/encoder_settings.h"
#include "flow/track.h"

typedef struct TrackEncoder TrackEncoder;

typedef struct {
    unsigned track_id;
    TrackKind kind;
    Codec codec; /* to encode to */
    EncoderSettings settings;
    PictureSize published; /* the picture to come at its best; zero = not known */
    PictureSize ceiling;   /* zero = none */
    int64_t encode_timeout_ns;
    BoundedQueue *in, *out;  /* borrowed; `out` is ended when `in` has ended */
    TrackCounters *counters; /* STAGE_QUEUE's out and STAGE_ENCODE are kept here; borrowed */
    Pool *pool;
} TrackEncoderConfig;

typedef struct {
    void *owner;
    Mailbox *mailbox;
    /* A frame took longer than the timeout, or could not be decoded: go on with a key frame. */
    void (*need_keyframe)(void *owner, unsigned track_id);
    /* It cannot go on; frames now pass unchanged. `sentence` is borrowed. Sent once. */
    void (*failed)(void *owner, unsigned track_id, const char *sentence);
} TrackEncoderEvents;

/* NULL when the system gives no thread. */
TrackEncoder *track_encoder_new(const TrackEncoderConfig *config, const TrackEncoderEvents *events);

/* Any thread: the next picture becomes a key frame. */
void track_encoder_request_key(TrackEncoder *encoder);

/* Any thread: the picture is black from that time on, until a frame comes whose time is later. To
 * be called when the frames before it are in `in`. */
void track_encoder_show_black(TrackEncoder *encoder, int64_t pts_ns);

/* Any thread: frames pass unchanged, or are encoded again, from the next key frame on. */
void track_encoder_bypass(TrackEncoder *encoder, bool passes);

/* Any thread: nobody reads `out` any more, or there is no time left; what is still in `in` is
 * passed over. */
void track_encoder_hurry(TrackEncoder *encoder);

/* After the end of `in`; waits for what is still to be encoded. False for a codec that hangs: its
 * thread goes on with all that it was given, none of which may be freed. */
bool track_encoder_free(TrackEncoder *encoder);

typedef struct {
    uint64_t frames_out; /* encoded; what is handed on as it came is not among them */
    uint64_t undecodable;
    uint64_t behind;       /* decoded and left out, because more waited than half the queue */
    uint64_t timeouts;     /* frames that took longer than the timeout */
    int64_t busy_ns;       /* spent in the codecs */
    int64_t busy_since_ns; /* monotonic: when the frame in the codecs went in; 0 = none */
} TrackEncoderStats;

TrackEncoderStats track_encoder_stats(const TrackEncoder *encoder); /* any thread */
