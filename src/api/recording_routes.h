/* Answers the calls below /api/recording; start and stop may answer later, from the service's
 * watches. A caller that hangs up, or ends its sending, is answered at once as if it had not wanted
 * to wait, so that its connection's place is free; the start or stop goes on.
 * Thread: main. */
#pragma once

#include <libsoup/soup.h>

#include "api/gate.h"
#include "recorder/recording_service.h"

typedef struct RecordingRoutes RecordingRoutes;

/* All are borrowed. */
RecordingRoutes *recording_routes_new(WebRTCRecordingService *service, const Config *config,
                                      const Gate *gate);

/* Callers that still wait are forgotten; their messages stay paused. */
void recording_routes_free(RecordingRoutes *routes);

/* A caller who is bound to a room reaches recordings of that room alone; else 403. */
void recording_routes_start(RecordingRoutes *routes, SoupServerMessage *message,
                            const Caller *caller, JsonObject *body);
void recording_routes_stop(RecordingRoutes *routes, SoupServerMessage *message,
                           const Caller *caller, JsonObject *body);
void recording_routes_pause(RecordingRoutes *routes, SoupServerMessage *message,
                            const Caller *caller, JsonObject *body);
void recording_routes_resume(RecordingRoutes *routes, SoupServerMessage *message,
                             const Caller *caller, JsonObject *body);
void recording_routes_status(RecordingRoutes *routes, SoupServerMessage *message,
                             const Caller *caller, const char *mint_id);
void recording_routes_active(RecordingRoutes *routes, SoupServerMessage *message,
                             const Caller *caller);
