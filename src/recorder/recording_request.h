/* What one recording was asked to do.
 * Thread: main; a value with owned strings. */
#pragma once

#include <glib.h>

#include "config/config.h"
#include "flow/format.h"
#include "flow/outcome.h"

#define RECORDING_MAX_SIZE_MIN (64 * 1024) /* less is not even the heads of a file */

typedef struct {
    char *mint_id; /* NULL: the service makes one up */
    char *room;    /* NULL: the mint_id, or the room of the token */
    char *url;
    char *token; /* ready-made; NULL: signed with key and secret */
    char *api_key, *api_secret;
    char *ca_file;
    char **participants;    /* identities, NULL = everybody */
    const Format *format;   /* static */
    const Quality *quality; /* static; quality_default() where the caller names none */
    char *encoder_options;  /* "speed=fast crf=21", for the format's pictures; NULL = configured */
    bool falls_back;        /* without room for an encoder: as published rather than not at all */
    bool audio_only;
    char *directory;           /* trusted */
    char *output_template;     /* a stranger's; NULL = the configured one */
    int64_t max_duration_ns;   /* recorded time; 0 = no limit */
    uint64_t max_size;         /* bytes of all files; 0 = no limit */
    int64_t publisher_wait_ns; /* -1 = configured */
    int64_t idle_ns;           /* -1 = configured */
    bool keep_failed_sidecar;  /* leave a sidecar also when no media came: the service's memory */
} RecordingRequest;

RecordingRequest *recording_request_new(void);
RecordingRequest *recording_request_copy(const RecordingRequest *request);
void recording_request_free(RecordingRequest *request);

/* Takes what is missing from the configuration. Its key signs only for its own URL. */
void recording_request_complete(RecordingRequest *request, const Config *config);

/* Takes the room from the token where none is given; false with a refusal (bad_request,
 * unauthorized) for what cannot be recorded. */
bool recording_request_check(RecordingRequest *request, const Config *config, Outcome *ret_refusal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RecordingRequest, recording_request_free)
