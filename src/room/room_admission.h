/* Decides whether a request to /rtc may join, with livekit-server's statuses.
 * Thread: main; no state. */
#pragma once

#include <glib.h>

#include "room/fault_script.h"

typedef struct {
    const char *api_key, *api_secret, *room_name;
    const FaultScript *script;
    int64_t at_ns; /* of the room's clock */
    bool any_room; /* other names are as good */
} AdmissionRules;

typedef struct {
    const char *authorization; /* header, or NULL */
    GHashTable *query;         /* or NULL */
} AdmissionRequest;

typedef struct {
    unsigned status; /* 200 = welcome */
    const char *text;
    char *identity;
    gboolean hidden, auto_subscribe;
} Admission;

/* Where the script's move leads; free with g_free(). Its tokens are good once it has happened. */
char *room_moved_name(const char *room_name);

Admission room_admission_check(const AdmissionRules *rules, const AdmissionRequest *request);
void room_admission_clear(Admission *admission);

/* 24 random bytes in hexadecimal digits; free with g_free(). */
char *room_admission_make_secret(void);
