#include "recorder/recording_request.h"

RecordingRequest *recording_request_new(void)
{
    RecordingRequest *request = g_new0(RecordingRequest, 1);
    request->publisher_wait_ns = -1;
    request->idle_ns = -1;
    return request;
}

RecordingRequest *recording_request_copy(const RecordingRequest *request)
{
    RecordingRequest *copy = g_new0(RecordingRequest, 1);
    *copy = *request;
    copy->mint_id = g_strdup(request->mint_id);
    copy->room = g_strdup(request->room);
    copy->url = g_strdup(request->url);
    copy->token = g_strdup(request->token);
    copy->api_key = g_strdup(request->api_key);
    copy->api_secret = g_strdup(request->api_secret);
    copy->ca_file = g_strdup(request->ca_file);
    copy->participants = g_strdupv(request->participants);
    copy->directory = g_strdup(request->directory);
    copy->output_template = g_strdup(request->output_template);
    return copy;
}

void recording_request_free(RecordingRequest *request)
{
    if (!request)
        return;
    g_free(request->mint_id);
    g_free(request->room);
    g_free(request->url);
    g_free(request->token);
    g_free(request->api_key);
    g_free(request->api_secret);
    g_free(request->ca_file);
    g_strfreev(request->participants);
    g_free(request->directory);
    g_free(request->output_template);
    g_free(request);
}
