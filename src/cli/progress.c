#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

void progress_bytes(uint64_t bytes, char *ret_text, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.95 && unit + 1 < G_N_ELEMENTS(units)) {
        value /= 1000;
        unit++;
    }
    g_snprintf(ret_text, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void progress_time(int64_t time_ns, char *ret_text, size_t size)
{
    const int64_t seconds = MAX(time_ns, 0) / NS_PER_SECOND;
    const int hours = (int)MIN(seconds / 3600, 99999);
    const int minutes = (int)(seconds / 60 % 60);
    if (hours > 0)
        g_snprintf(ret_text, size, "%d:%02d:%02d", hours, minutes, (int)(seconds % 60));
    else
        g_snprintf(ret_text, size, "%d:%02d", minutes, (int)(seconds % 60));
}

static int64_t shown_time(const RecordingStatus *status, int64_t elapsed_ns)
{
    return status->started_wall_ns != 0 ? status->duration_ns : elapsed_ns;
}

void progress_line(const RecordingStatus *status, int64_t elapsed_ns, unsigned columns,
                   char *ret_text, size_t size)
{
    char time[24], bytes[24];
    progress_time(shown_time(status, elapsed_ns), time, sizeof time);
    progress_bytes(status->file_bytes, bytes, sizeof bytes);
    const char *state = status->reconnecting ? "reconnecting" : recording_state_name(status->state);
    g_snprintf(ret_text, size,
               "%-12s  %s  %s  frames %" G_GUINT64_FORMAT " video %" G_GUINT64_FORMAT
               " audio  lost %" G_GUINT64_FORMAT "  dropped %" G_GUINT64_FORMAT,
               state, time, bytes, status->video_frames, status->audio_frames, status->lost_packets,
               status->dropped_frames);
    /* what went wrong must not be what is cut off */
    if (columns > 0 && strlen(ret_text) > columns)
        g_snprintf(ret_text, size,
                   "%s %s %s frames %" G_GUINT64_FORMAT " lost %" G_GUINT64_FORMAT
                   " dropped %" G_GUINT64_FORMAT,
                   state, time, bytes, status->video_frames + status->audio_frames,
                   status->lost_packets, status->dropped_frames);
    if (columns > 0 && strlen(ret_text) > columns)
        ret_text[columns] = '\0';
}

static double seconds(int64_t time_ns)
{
    return (double)time_ns / (double)NS_PER_SECOND;
}

JsonObject *progress_json(const RecordingStatus *status, int64_t elapsed_ns)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "state", recording_state_name(status->state));
    json_object_set_boolean_member(object, "reconnecting", status->reconnecting);
    json_object_set_double_member(object, "time", seconds(shown_time(status, elapsed_ns)));
    json_object_set_int_member(object, "file_bytes", (gint64)status->file_bytes);
    json_object_set_int_member(object, "video_frames", (gint64)status->video_frames);
    json_object_set_int_member(object, "audio_frames", (gint64)status->audio_frames);
    json_object_set_int_member(object, "lost_packets", (gint64)status->lost_packets);
    json_object_set_int_member(object, "dropped_frames", (gint64)status->dropped_frames);
    json_object_set_int_member(object, "tracks", status->track_count);
    JsonArray *outputs = json_array_new();
    for (unsigned i = 0; i < status->output_count; i++) {
        g_autofree char *path = g_filename_display_name(status->outputs[i].path);
        json_array_add_string_element(outputs, path);
    }
    json_object_set_array_member(object, "outputs", outputs);
    return object;
}
