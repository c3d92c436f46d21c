/* A server on a free port over a fake service, and a raw HTTP client on the same loop.
 * Thread: main. */
#pragma once

#include "api/http_api.h"
#include "fake_service.h"

typedef struct {
    Config *config;
    WebRTCRecordingService *service;
    HttpApi *api;
} HttpScene;

HttpScene http_scene_new(void);

/* `settings` are "key=value key=value". */
HttpScene http_scene_new_with(const char *settings);
void http_configure(Config *config, const char *settings);
void http_scene_clear(HttpScene *scene);

typedef struct HttpCall HttpCall;

/* Sends these bytes; "@" in them stands for the server's host and port. */
HttpCall *http_call_send(HttpScene *scene, const char *bytes, gssize size);
bool http_call_is_done(const HttpCall *call);

/* Runs the loop until the server has closed the connection; the whole answer. Frees the call. */
char *http_call_finish(HttpCall *call);
void http_call_end_sending(HttpCall *call); /* but go on reading */
void http_call_hang_up(HttpCall *call);

/* Runs the loop until `is_true(data)`; fails after ten seconds. */
void http_scene_run_until(bool (*is_true)(const void *data), const void *data);

/* METHOD PATH with the usual headers, and a JSON body unless NULL; the call or its answer. */
HttpCall *http_scene_begin(HttpScene *scene, const char *method, const char *path,
                           const char *body);
char *http_scene_call(HttpScene *scene, const char *method, const char *path, const char *body);

/* Parts of an answer. */
unsigned http_answer_status(const char *answer);
const char *http_answer_body(const char *answer);
JsonObject *http_answer_json(const char *answer);
void http_assert_error(const char *answer, unsigned status, const char *code, const char *part);
